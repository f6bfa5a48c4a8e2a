"""Hooks one by one, around a stand-in for the runner."""

import copy
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from segbox.engine.checkpoint import numbered_checkpoints, write_checkpoint
from segbox.engine.hooks.log import JsonLines
from segbox.errors import CheckpointError, ConfigError, UserError
from segbox.registry import HOOKS

RUN = {"step": 0, "model": {"w": torch.zeros(1)}, "optimizer": {}, "hooks": {}}


def stand_in(folder=None, **more):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    runner = SimpleNamespace(
        step=0,
        max_steps=100,
        batch_size=4,
        model=model,
        optimizer=torch.optim.SGD([{"params": model.parameters(), "base_lr": 0.5}], lr=0.5),
        work_dir=folder,
        device=torch.device("cpu"),
        classes=("sky", "road"),
        description={},
        val_loader=[],
        resumed_average=None,
        losses={"ce": torch.tensor(1.0)},
        is_skipped=torch.tensor(False),
        settle=lambda: None,
        data_seconds=0.1,
        step_seconds=0.2,
        skipped=0,
        scored_step=0,
        lines=[],
        saved=[],
        evaluations=[],
        **more,
    )
    runner.log = runner.lines.append
    runner.write_evaluation = lambda name, checkpoint: runner.evaluations.append((runner.step, name, checkpoint))

    def save(name):
        runner.saved.append((runner.step, name))
        write_checkpoint({**RUN, "step": runner.step}, folder / name)
        return folder / name

    runner.save = save
    runner.call = lambda moment, *arguments: None
    runner.is_saved = lambda: (runner.step, "last.pt") in runner.saved
    return runner


def rates(config, steps=range(100)):
    hook, runner = HOOKS.build(config, "hooks.lr_schedule"), stand_in()
    found = []
    for runner.step in steps:
        hook.before_step(runner)
        found.append(runner.optimizer.param_groups[0]["lr"])
    return found


def test_poly():
    found = rates({"type": "PolyLR", "power": 0.9, "min_lr": 0.1})
    assert found[0] == 0.5
    assert found[50] == pytest.approx((0.5 - 0.1) * 0.5**0.9 + 0.1)
    assert found[99] == pytest.approx(0.4 * 0.01**0.9 + 0.1)
    assert found == sorted(found, reverse=True)


def test_warm_up_is_linear_and_the_schedule_begins_behind_it():
    found = rates({"type": "PolyLR", "power": 1.0, "warmup_steps": 10, "warmup_ratio": 0.2})
    assert found[0] == pytest.approx(0.5 * 0.2)
    assert found[5] == pytest.approx(0.5 * 0.6)
    assert found[10] == 0.5
    assert found[55] == pytest.approx(0.25)
    assert found[99] == pytest.approx(0.5 / 90)


def test_cosine():
    found = rates({"type": "CosineLR", "min_lr": 0.1})
    assert found[0] == 0.5 and found[50] == pytest.approx(0.3)
    assert found[25] == pytest.approx(0.1 + 0.4 * (1 + math.cos(math.pi / 4)) / 2)


def test_steps():
    found = rates({"type": "StepLR", "milestones": (0.5, 0.75), "factor": 0.1})
    assert found[49] == 0.5 and found[50] == pytest.approx(0.05)
    assert found[74] == pytest.approx(0.05) and found[75] == pytest.approx(0.005)
    with pytest.raises(ConfigError, match="fractions of the run"):
        HOOKS.build({"type": "StepLR", "milestones": (6000,)}, "hooks.lr_schedule")


def test_groups_keep_their_ratio():
    hook, runner = HOOKS.build({"type": "PolyLR"}), stand_in()
    runner.optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "base_lr": 5.0})
    runner.step = 37
    hook.before_step(runner)
    low, high = (group["lr"] for group in runner.optimizer.param_groups)
    assert high == pytest.approx(10 * low)


@pytest.mark.parametrize("name", ["PolyLR", "CosineLR"])
def test_a_group_below_min_lr_keeps_its_rate_and_never_rises(name):
    hook, runner = HOOKS.build({"type": name, "min_lr": 0.01}), stand_in()
    runner.optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "base_lr": 0.001})
    found = []
    for runner.step in range(100):
        hook.before_step(runner)
        found.append([group["lr"] for group in runner.optimizer.param_groups])
    high, low = zip(*found)
    assert sorted(high, reverse=True) == list(high) and high[0] == 0.5 and 0.01 < high[-1] < 0.02
    assert set(low) == {0.001}


def test_ema_follows_its_formula():
    torch.manual_seed(0)
    hook, runner = HOOKS.build({"type": "EMA", "momentum": 0.7}), stand_in()
    hook.before_train(runner)
    expected = copy.deepcopy(runner.model.state_dict())
    for runner.step in range(1, 40):
        for value in runner.model.state_dict().values():
            value.copy_(torch.randn(value.shape) * 9)
        hook.after_update(runner)
        old = min(0.7, (1 + runner.step) / (10 + runner.step))
        for name, value in runner.model.state_dict().items():
            is_weight = name in dict(runner.model.named_parameters())
            expected[name] = expected[name] * old + value * (1 - old) if is_weight else value.clone()
        found = runner.averaged_model.state_dict()
        assert all(torch.allclose(found[name], expected[name], atol=1e-5) for name in expected)
    assert not runner.averaged_model.training and not any(p.requires_grad for p in runner.averaged_model.parameters())


def test_ema_goes_on_from_the_average_of_the_checkpoint():
    first, runner = HOOKS.build({"type": "EMA"}), stand_in()
    first.before_train(runner)
    nn.init.constant_(runner.model[0].weight, 5.0)
    second = HOOKS.build({"type": "EMA"})
    runner.resumed_average = first.model.state_dict()
    second.before_train(runner)
    assert torch.equal(second.model[0].weight, first.model[0].weight)
    with pytest.raises(ConfigError, match=r"hooks\.ema: momentum=1\.0: expected a number between 0 and 1"):
        HOOKS.build({"type": "EMA", "momentum": 1.0}, "hooks.ema")


def test_checkpoints_come_at_intervals_and_at_the_end_and_the_last_stay(tmp_path):
    hook, runner = HOOKS.build({"type": "Checkpoint", "interval": 3, "keep": 2}), stand_in(tmp_path)
    for runner.step in range(1, 12):
        hook.save(runner, False)
    hook.save(runner, True)
    assert [step for step, _ in runner.saved] == [3, 6, 9, 11]
    assert [path.name for path in numbered_checkpoints(tmp_path)] == ["step_00000009.pt", "step_00000011.pt"]
    assert (tmp_path / "last.pt").samefile(tmp_path / "step_00000011.pt")
    hook.save(runner, True)
    assert len(runner.saved) == 4


def test_copies_that_a_user_made_are_not_the_hooks_own(tmp_path):
    hook, runner = HOOKS.build({"type": "Checkpoint", "interval": 1, "keep": 1}), stand_in(tmp_path)
    copies = ["step_00000001_good.pt", "step_3.pt", "step_000000003.pt", "step_0000000a.pt", "step_00000002.pt.pt"]
    for name in copies:
        write_checkpoint(RUN, tmp_path / name)
    for runner.step in (99_999_998, 100_000_001, 100_000_002):
        hook.save(runner, False)
    assert [path.name for path in numbered_checkpoints(tmp_path)] == ["step_100000002.pt"]
    assert {path.name for path in tmp_path.glob("*.pt")} == {*copies, "step_100000002.pt", "last.pt"}


def test_later_checkpoints_of_a_left_run_do_not_push_new_ones_out(tmp_path):
    hook, runner = HOOKS.build({"type": "Checkpoint", "interval": 1, "keep": 1}), stand_in(tmp_path)
    write_checkpoint(RUN, tmp_path / "step_00000050.pt")
    for runner.step in (7, 8):
        hook.save(runner, False)
    assert [path.name for path in numbered_checkpoints(tmp_path)] == ["step_00000008.pt", "step_00000050.pt"]


def test_the_best_by_any_score_is_kept(tmp_path):
    hook, runner = HOOKS.build({"type": "Evaluate", "interval": 5, "best": "IoU/road"}), stand_in(tmp_path)
    hook.before_train(runner)
    for runner.step, score in enumerate([math.nan, 30.0, 20.0, math.nan, 40.0], 1):
        hook.after_eval(runner, {"mIoU": 100 - runner.step, "IoU/road": score})
    assert runner.saved == [(2, "best.pt"), (5, "best.pt")]
    assert runner.evaluations == [(step, "evaluation_best.json", "best.pt") for step in (2, 5)]
    assert "best IoU/road so far: 40.00 at step 5" in runner.lines[-1]
    resumed = HOOKS.build({"type": "Evaluate", "interval": 5, "best": "IoU/road"})
    resumed.load_state_dict(hook.state_dict())
    resumed.after_eval(runner, {"IoU/road": 39.0})
    assert len(runner.saved) == 2


def test_the_best_of_an_error_is_the_lowest(tmp_path):
    hook = HOOKS.build({"type": "Evaluate", "interval": 1, "best": "ECE"})
    runner = stand_in(tmp_path)
    for runner.step, score in enumerate((7.0, 3.0, float("nan"), 5.0), 1):
        hook.after_eval(runner, {"ECE": score})
    assert (hook.highest, hook.highest_step) == (3.0, 2)


def test_evaluation_comes_at_intervals_and_after_the_last_step(tmp_path):
    hook, calls = HOOKS.build({"type": "Evaluate", "interval": 4, "best": None}), []
    runner = stand_in(tmp_path, evaluate=lambda: calls.append(runner.step))
    hook.before_train(runner)
    runner.max_steps = 10
    for runner.step in range(11):
        hook.evaluate(runner)
    assert calls == [4, 8, 10]
    runner.scored_step = 10
    hook.evaluate(runner)
    assert calls == [4, 8, 10]


def test_an_unknown_best_score_is_refused_before_the_first_step(tmp_path):
    hook = HOOKS.build({"type": "Evaluate", "interval": 5, "best": "mIou"})
    with pytest.raises(ConfigError, match=r'hooks\.evaluate\.best: there is no score .mIou.\. Did you mean "mIoU"'):
        hook.before_train(stand_in(tmp_path))
    runner = stand_in(tmp_path)
    runner.val_loader = None
    with pytest.raises(ConfigError, match=r"hooks\.evaluate: the config has no data\.val"):
        HOOKS.build({"type": "Evaluate", "interval": 5}).before_train(runner)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "Evaluate", "interval": 0}, "interval=0: expected a number of steps, 1 or more"),
        ({"type": "Log", "interval": -1}, "interval=-1"),
        ({"type": "Checkpoint", "interval": 0}, "interval=0"),
        ({"type": "Checkpoint", "interval": 1, "keep": 0}, "keep=0: expected 1 or more"),
        ({"type": "Checkpoint"}, "Checkpoint needs the argument 'interval'"),
        ({"type": "Checkpoint", "intervall": 1}, 'Did you mean "interval"'),
        ({"type": "PolyLR", "warmup_steps": 0.1}, r"hooks\.x\.warmup_steps: expected a whole number, got 0\.1"),
    ],
)
def test_mistakes(config, message):
    with pytest.raises(ConfigError, match=message):
        HOOKS.build(config, "hooks.x")


def test_a_line_every_interval_with_the_means(tmp_path):
    hook, runner = HOOKS.build({"type": "Log", "interval": 3}), stand_in(tmp_path)
    runner.max_steps = 7
    runner.optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "lr": 5.0, "base_lr": 5.0})  # a head's
    hook.before_train(runner)
    for runner.step in range(1, 8):
        runner.losses = {"decode.ce": torch.tensor(float(runner.step)), "aux.ce": torch.tensor(1.0)}
        hook.after_step(runner)
    hook.after_eval(runner, {"mIoU": 50.0, "IoU/sky": math.nan})
    hook.after_train(runner)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [3, 6, 7, 7]
    assert [row["decode.ce"] for row in rows[:3]] == [2, 5, 7] and rows[0]["loss"] == 3 and rows[0]["lr"] == 0.5
    assert rows[3] == {"step": 7, "mIoU": 50.0, "IoU/sky": None}
    for part in ("step 3/7", "loss 3.0000 (decode.ce 2.0000, aux.ce 1.0000)", "lr 0.5", "data 0.100 s", "step 0.200 s"):
        assert part in runner.lines[0]
    for part in ("images/s", " MB", "ETA 0:"):
        assert part in runner.lines[0]


def test_skipped_steps_are_counted_and_stay_out_of_the_means(tmp_path):
    hook, runner = HOOKS.build({"type": "Log", "interval": 2}), stand_in(tmp_path)
    runner.max_steps = 4
    hook.before_train(runner)
    for runner.step, loss in enumerate([3.0, math.nan, math.inf, 5.0], 1):
        runner.losses, runner.is_skipped = {"ce": torch.tensor(loss)}, torch.tensor(loss != 3.0)
        runner.skipped += loss != 3.0
        hook.after_step(runner)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert (rows[0]["loss"], rows[0]["ce"], rows[0]["skipped_steps"]) == (3.0, 3.0, 1)
    assert (rows[1]["loss"], rows[1]["skipped_steps"]) == (None, 3) and "ce" not in rows[1]


def test_a_full_disk_ends_the_log_with_a_message(tmp_path, monkeypatch):
    lines = JsonLines(tmp_path / "log.jsonl")
    monkeypatch.setattr(lines, "path", Path("/dev/full"))
    with pytest.raises(CheckpointError, match=r"/dev/full could not be written: .*No space left.*go on with --resume"):
        lines.write({"step": 1})


def test_a_line_that_was_cut_is_ended(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo')
    JsonLines(path).write({"step": 3})
    JsonLines(path).write({"step": 4, "x": math.nan})
    assert path.read_text() == '{"step": 1}\n{"step": 2, "lo\n{"step": 3}\n{"step": 4, "x": null}\n'


def test_tensorboard_asked_for_and_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError) as caught:
        HOOKS.build({"type": "Log", "tensorboard": True}).before_train(stand_in(tmp_path))
    assert str(caught.value) == 'hooks.log.tensorboard needs TensorBoard: pip install "segbox[tensorboard]"'


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    hook, runner = HOOKS.build({"type": "Log", "interval": 1, "tensorboard": True}), stand_in(tmp_path)
    hook.before_train(runner)
    runner.step = 1
    hook.after_step(runner)
    hook.after_eval(runner, {"mIoU": 50.0, "IoU/sky": math.nan})
    hook.after_train(runner)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"train/loss", "train/ce", "train/lr", "eval/mIoU"} <= set(events.Tags()["scalars"])
    assert "eval/IoU/sky" not in events.Tags()["scalars"]
