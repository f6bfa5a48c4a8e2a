"""Whole runs on a GPU: the CPU's losses and weights, mixed precision, dropped steps, and what stops a run."""

import json
import os
import signal

import pytest
import torch

from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.engine.checkpoint import read_run
from segbox.engine.state import run_state
from segbox.errors import DataError, TrainingError, UserError
from segbox.registry import DATASETS
from tests.engine.test_runner import At
from tests.gpu.runs import CPU, SAME, apart, run, without_config
from tests.runs import write_config

VARIANTS = [
    [],
    ["train.gradient_accumulation_steps=2", "train.clip_grad=0.05"],
    ["train.channels_last=True"],
    ["optimizer=dict(type='AdamW',lr=0.001)"],
    ["data.workers=2"],
    ["train.deterministic=True"],
]


@pytest.mark.parametrize("overrides", VARIANTS, ids=" ".join)
def test_a_run_is_that_of_the_cpu(tmp_path, device, double, overrides):
    """Its losses, its weights, what the optimizer remembers, the moving average."""
    expected, on_cpu = run(tmp_path / "cpu", CPU, overrides)
    found, runner = run(tmp_path / "gpu", device, overrides)
    assert len(set(expected.losses)) == 4
    assert found.losses == pytest.approx(expected.losses, rel=1e-8)
    content = without_config(read_run(runner.save("end.pt")))
    assert not apart(content, without_config(run_state(on_cpu)), 1e-7)
    assert all(tensor.device == device for tensor in (*runner.model.parameters(), *runner.model.buffers()))


@pytest.mark.parametrize(
    "more", [[], ["train.gradient_accumulation_steps=2", "train.clip_grad=1.0"], ["train.channels_last=True"]]
)
@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_half_precision_learns_the_same(tmp_path, device, amp, more):
    expected, _ = run(tmp_path / "full", device, ["train.max_steps=8", *more])
    found, runner = run(tmp_path / amp, device, [f"train.precision={amp}", "train.max_steps=8", *more])
    assert found.losses == pytest.approx(expected.losses, rel=0.1)
    assert all(p.dtype == torch.float32 for p in runner.model.parameters())
    assert bool(runner.scaler.state_dict()) == (amp == "fp16")


def test_a_scale_that_is_too_large_drops_the_step_and_shrinks(tmp_path, device):
    """The scaler's own work: no NaN reaches the weights, and the run goes on."""
    runner = build_runner(small_config(tmp_path, "train.precision=fp16", "train.max_steps=1"), tmp_path, device)
    before = {name: p.clone() for name, p in runner.model.named_parameters()}
    runner.scaler.load_state_dict({**runner.scaler.state_dict(), "scale": 2.0**60})
    runner.train()
    assert runner.scaler.get_scale() == 2.0**59
    assert all(torch.equal(p, before[name]) for name, p in runner.model.named_parameters())
    runner.scaler.load_state_dict({**runner.scaler.state_dict(), "scale": 2.0**10})
    runner.max_steps = 3
    runner.train()
    assert runner.scaler.get_scale() == 2.0**10
    assert not any(torch.equal(p, before[name]) for name, p in runner.model.named_parameters())


@pytest.mark.parametrize("amp", [None, "bf16", "fp16"])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_steps_with_nan_are_dropped(tmp_path, device, amp, clip):
    """Batch 1 of two in a step, and 6: steps 1 and 4. Statistics of the first half of a dropped step are put back."""
    more = [
        f"train.precision={amp}",
        f"train.clip_grad={clip}",
        "train.on_nan=skip",
        "train.gradient_accumulation_steps=2",
    ]
    found, runner = run(tmp_path, device, [*more, "train.max_steps=5"], spoil=(1, 6))
    assert [loss is None for loss in found.losses] == [True, False, False, True, False] and runner.skipped == 2
    assert all(tensor.isfinite().all() for tensor in (*runner.model.parameters(), *runner.model.buffers()))


@pytest.mark.parametrize("amp", [None, "bf16", "fp16"])
def test_nan_stops_with_the_state_of_before(tmp_path, device, amp):
    _, before = run(
        tmp_path / "before", device, [f"train.precision={amp}", "train.max_steps=2", "train.deterministic=True"]
    )
    with pytest.raises(TrainingError, match=r"the loss of step 3 is not finite .*\nThe state before"):
        run(tmp_path / "nan", device, [f"train.precision={amp}", "train.deterministic=True"], spoil=(2,))
    saved = without_config(read_run(tmp_path / "nan" / "before_nan.pt"))
    expected = without_config(read_run(before.save("two.pt")))
    assert saved["step"] == 2 and not apart(saved["model"], expected["model"], 0)
    assert not apart(saved["optimizer"], expected["optimizer"], 0)


def test_compiled_runs_learn_the_same(tmp_path, device):
    expected, _ = run(tmp_path / "eager", device)
    found, runner = run(tmp_path / "compiled", device, ["train.compile=True"])
    assert found.losses == pytest.approx(expected.losses, rel=0.01)
    assert not any(name.startswith("_orig_mod") for name in run_state(runner)["model"])


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_compiled_and_half_at_once(tmp_path, device, amp):
    expected, _ = run(tmp_path / "eager", device)
    more = ["train.compile=True", f"train.precision={amp}", "train.channels_last=True"]
    found, _ = run(tmp_path / "compiled", device, more)
    assert found.losses == pytest.approx(expected.losses, rel=0.1)


# --- batches on their way to the GPU ----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_pinned(tmp_path, device, workers):
    runner = build_runner(small_config(tmp_path, f"data.workers={workers}"), tmp_path, device)
    batch = next(iter(runner.train_batches(0)))
    assert batch["images"].is_pinned() == batch["labels"].is_pinned() == (device.type == "cuda")
    assert batch["images"].dtype == torch.uint8 and len(batch["paths"]) == len(batch["images"])


@pytest.mark.parametrize("workers", [0, 2])
def test_mistakes_in_data_pass_the_pinning_thread(tmp_path, device, workers):
    runner = build_runner(small_config(tmp_path, f"data.workers={workers}"), tmp_path, device)

    def broken(self, draw):
        raise DataError("a.png: is no image")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(DataError, match=r"^a\.png: is no image$"):
        patch.setattr(DATASETS.get("ShapesDataset", "data"), "__getitem__", broken)
        runner.train()


def test_a_data_worker_that_is_killed_is_told(tmp_path, device):
    """Through the thread that pins batches, which may notice first."""
    runner = build_runner(small_config(tmp_path, "data.workers=2", "train.max_steps=200"), tmp_path, device)
    handler = signal.getsignal(signal.SIGCHLD)

    def kill_workers():
        for process in torch.multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)

    runner.hooks = {"kill": At(2, kill_workers)}
    try:
        with pytest.raises(TrainingError, match="a data worker has ended"):
            runner.train()
    finally:
        signal.signal(signal.SIGCHLD, handler)


# --- memory -----------------------------------------------------------------------------------------------------------


def too_much(images):
    """A pebibyte beside each image, which no device has."""
    return torch.empty(2**50, dtype=torch.uint8, device=images.device)


def small_config(folder, *overrides):
    write_config(folder)
    return load_config(write_config(folder, SAME, "small.py"), overrides)


def test_out_of_memory_in_a_step_says_what_to_try(tmp_path, device):
    runner = build_runner(small_config(tmp_path), tmp_path, device)
    runner.model.backbone.register_forward_pre_hook(lambda module, given: too_much(given[0]))
    with pytest.raises(
        TrainingError, match=rf"^{device} is out of memory with 4 .* Try train\.gradient_accumulation_steps=2"
    ) as caught:
        runner.train()
    assert "\n" not in str(caught.value)


def test_out_of_memory_in_evaluation_says_what_to_try(tmp_path, device):
    runner = build_runner(small_config(tmp_path), tmp_path, device)
    runner.model.backbone.register_forward_pre_hook(lambda module, given: too_much(given[0]))
    with pytest.raises(UserError, match=rf"^{device} is out of memory while scoring 2 image\(s\) of 32x40.*test\.mode"):
        runner.evaluate()


def test_memory_is_reported_and_does_not_grow(tmp_path, device):
    """As much after 12 steps as after 6; where it grows, something keeps the graphs of steps."""
    peaks = {}
    for steps in (6, 12):
        run(tmp_path / str(steps), device, [f"train.max_steps={steps}", "hooks.log=dict(type='Log',interval=6)"])
        rows = [json.loads(line) for line in (tmp_path / str(steps) / "log.jsonl").read_text().splitlines()]
        peaks[steps] = rows[-1]["memory_mb"]
        assert rows[-1]["step"] == steps and peaks[steps] > 0
    if device.type == "cuda":
        assert peaks[12] < 1.05 * peaks[6]
