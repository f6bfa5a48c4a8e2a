"""Steps that do not wait for the device, pretended on the CPU: what is not finite is told two steps later."""

import pytest
import torch
from torch import nn

from segbox.engine.checkpoint import read_run
from segbox.engine.hooks.ema import EMA
from segbox.engine.hooks.hook import Hook
from segbox.engine.kept_buffers import KeptBuffers
from segbox.engine.state import run_state
from segbox.errors import DataError, TrainingError
from tests.engine.test_runner import At, Small, small_runner
from tests.host_reads import HostReads, take_ways_of_gpus
from tests.runs import differences, tiny_runner

OPTIMIZERS = {
    "SGD": lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True),
    "AdamW": lambda model: torch.optim.AdamW(model.parameters(), lr=0.1, fused=True),
    "plain SGD": lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
}


@pytest.fixture
def losses_of_a_gpu(monkeypatch):
    take_ways_of_gpus(monkeypatch)


def reads_of_steps(folder, *overrides):
    """The reads of three steps, after three others, of which the first is waited for."""
    quiet = ["hooks.log.interval=100", "hooks.evaluate=None", "data.val=None", "train.max_steps=50"]
    runner = tiny_runner(folder, [*quiet, *overrides])
    runner.guard.lag = 2
    runner.call("before_train")
    runner.model.train()
    batches = iter(runner.train_batches(0))
    reads = HostReads()
    for number in range(6):
        with reads if number >= 3 else torch.enable_grad():
            runner.call("before_step")
            runner.losses = runner.train_step(batches)
            runner.call("after_step")
    return reads.found


LOSSES = "model.decode_head.loss={}"
WEIGHTED = LOSSES.format("dict(type='CrossEntropyLoss',class_weight=[1,2,1,1,1,1,1],logit_adjustment=0.5)")
REGIONS = LOSSES.format("[dict(type='DiceLoss'),dict(type='FocalLoss')]")


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["optimizer=dict(type='AdamW',lr=0.001)", "train.clip_grad=1.0", "train.on_nan=skip"],
        ["train.gradient_accumulation_steps=2", WEIGHTED, "hooks.ema=None"],
        [REGIONS, "train.precision=bf16"],
    ],
)
def test_no_step_waits_for_the_device(tmp_path, losses_of_a_gpu, overrides):
    assert reads_of_steps(tmp_path, *overrides) == []


def test_what_waits_is_seen(tmp_path, losses_of_a_gpu):
    assert reads_of_steps(tmp_path, "optimizer.fused=False").count("_local_scalar_dense") == 3


def late_runner(folder, optimizer="SGD", spoil=None, **settings):
    runner = small_runner(folder, Small(norm=True), spoil=spoil, hooks={"ema": EMA(0.5)}, **settings)
    runner.optimizer = OPTIMIZERS[optimizer](runner.model)
    runner.guard.lag = 2
    return runner


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_that_ends_later_has_the_state_of_before(tmp_path, optimizer):
    """Image 10 is of step 3; steps 4 and 5 are made before that is known."""
    whole = late_runner(tmp_path, optimizer, max_steps=2)
    whole.train()
    runner = late_runner(tmp_path, optimizer, spoil=10, max_steps=8)
    made = []
    runner.hooks["see"] = Hook()
    runner.hooks["see"].after_step = lambda runner: made.append(runner.step)
    with pytest.raises(TrainingError, match=r"the loss of step 3 is not finite \(square nan\); images: .*image10\.png"):
        runner.train()
    assert made == [1, 2, 3, 4]
    saved, expected = read_run(tmp_path / "before_nan.pt"), run_state(whole)
    for part in ("step", "draws", "model", "ema", "optimizer"):
        assert not differences(saved[part], expected[part]), part


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("spoil", [1, 10])
def test_a_step_is_skipped_on_the_device(tmp_path, optimizer, spoil):
    """Image 1 is of the first step, which is waited for; image 10 of step 3."""
    runner = late_runner(tmp_path, optimizer, spoil=spoil, on_nan="skip", max_steps=5)
    runner.train()
    assert runner.skipped == 1
    model, average = Small(norm=True), EMA(0.5)
    plain = OPTIMIZERS[optimizer](model)
    batches = small_runner(tmp_path).train_batches(0)
    runner_of = small_runner(tmp_path, model)
    average.before_train(runner_of)
    for step, batch in zip(range(5), batches):
        if step != spoil // 4:
            plain.zero_grad()
            model(batch["images"], batch["labels"])["square"].backward()
            plain.step()
            runner_of.step = step + 1
            average.after_update(runner_of)
    assert not differences(runner.model.state_dict(), model.state_dict())
    assert not differences(runner.averaged_model.state_dict(), average.model.state_dict())


def test_too_many_bad_steps_in_a_row_end_the_run_before_the_next_good_one(tmp_path):
    """Steps 2 to 4 are bad, and two are allowed; step 5 is good, and comes before the report of step 4."""
    runner = late_runner(tmp_path, on_nan="skip", max_skips=2, max_steps=9)
    batches = runner.train_batches
    bad = range(2, 5)

    def spoilt(draw):
        for step, batch in enumerate(batches(draw), 1):
            yield {**batch, "images": batch["images"] * (float("nan") if step in bad else 1)}

    runner.train_batches = spoilt
    whole = late_runner(tmp_path, max_steps=1)
    whole.train()
    with pytest.raises(TrainingError, match=r"the loss of step 4 .*\nThat is 3 steps in a row\."):
        runner.train()
    saved = read_run(tmp_path / "before_nan.pt")
    assert (saved["step"], saved["skipped"]) == (3, 2)
    assert not differences(saved["model"], whole.model.state_dict())


def test_an_error_before_the_report_saves_the_last_good_step(tmp_path):
    def fail():
        raise RuntimeError("something else")

    runner = late_runner(tmp_path, spoil=10, max_steps=8)
    runner.hooks["fail"] = At(4, fail)
    with pytest.raises(RuntimeError, match="something else"):
        runner.train()
    assert read_run(tmp_path / "last.pt")["step"] == 2


def test_a_checkpoint_waits_for_the_report(tmp_path):
    runner = late_runner(tmp_path, spoil=10, max_steps=8)
    runner.hooks["save"] = At(3, lambda: runner.save("a.pt"))
    with pytest.raises(TrainingError, match="the loss of step 3"):
        runner.train()
    assert not (tmp_path / "a.pt").exists() and read_run(tmp_path / "before_nan.pt")["step"] == 2


def test_only_buffers_of_checkpoints_are_kept():
    model = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(3))
    model.register_buffer("constant", torch.zeros(4), persistent=False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    buffers = KeptBuffers(model)
    for where, changed in ((torch.tensor(True), False), (torch.tensor(False), True), (None, False)):
        model.load_state_dict(before)
        buffers.keep()
        for buffer in model.buffers():
            buffer += 1
        model[0].running_var[:] = torch.nan
        buffers.restore(where)
        assert bool(differences(model.state_dict(), before)) is changed
    assert model.constant.tolist() == [3.0] * 4
    buffers.forget()
    model.load_state_dict(before)
    buffers.restore()
    assert not differences(model.state_dict(), before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_ids_that_are_no_class_are_told_with_their_file(tmp_path, dtype):
    runner = tiny_runner(tmp_path)
    batches = runner.train_batches

    def spoilt(draw):
        for batch in batches(draw):
            labels = batch["labels"].to(dtype)
            labels[2, 0, :3] = torch.tensor([7, 200, 255])
            yield {**batch, "labels": labels, "paths": ["a.png", "b.png", "c.png", "d.png"]}

    runner.train_batches = spoilt
    with pytest.raises(DataError, match=r"c\.png: labels hold class ids 7, 200, but there are 7 classes"):
        runner.train()
