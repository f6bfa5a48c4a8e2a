"""`train.deterministic=True`: a run repeats itself on a GPU to the last bit, also across a resume."""

import os
import subprocess
import sys

import pytest
import torch

from segbox.engine.checkpoint import read_run
from segbox.engine.devices import set_determinism
from segbox.registry import BACKBONES, HEADS
from tests.gpu.runs import run, without_config
from tests.gpu.test_parts import built, losses_and_gradients
from tests.runs import ROOT, differences, write_config

FIXED = "train.deterministic=True"
# With dropout, augmentation, the moving average and everything else of the tiny config.
LIVELY = "hooks = dict(log=None, evaluate=None, checkpoint=dict(interval=3))\n"
VARIANTS = [
    [],
    ["train.precision=bf16", "train.channels_last=True"],
    ["train.precision=fp16", "train.gradient_accumulation_steps=2", "train.clip_grad=1.0"],
    ["optimizer=dict(type='AdamW',lr=0.001)", "data.workers=2"],
]


@pytest.mark.parametrize("overrides", VARIANTS, ids=" ".join)
def test_two_runs_are_the_same_bits(tmp_path, device, overrides):
    ends = []
    for name in ("first", "second"):
        take, runner = run(tmp_path / name, device, [FIXED, *overrides], LIVELY)
        ends.append((take.losses, without_config(read_run(runner.work_dir / "last.pt"))))
    assert ends[0][0] == ends[1][0] and len(ends[0][0]) == 6
    assert not differences(ends[0][1], ends[1][1])


@pytest.mark.parametrize("overrides", VARIANTS, ids=" ".join)
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, device, overrides):
    whole, runner = run(tmp_path / "whole", device, [FIXED, *overrides], LIVELY)
    middle = runner.work_dir / "step_00000003.pt"
    rest, resumed = run(tmp_path / "resumed", device, [FIXED, *overrides], LIVELY, resume=middle)
    assert rest.losses == whole.losses[3:] and rest.scales == whole.scales[3:]
    ends = [without_config(read_run(each.work_dir / "last.pt")) for each in (runner, resumed)]
    assert ends[0]["step"] == 6 and not differences(*ends)


def test_a_run_that_began_on_the_cpu_goes_on_here(tmp_path, device):
    """A checkpoint knows no device."""
    _, begun = run(tmp_path / "cpu", torch.device("cpu"), ["train.max_steps=3"], LIVELY)
    take, runner = run(tmp_path / "here", device, [], LIVELY, resume=begun.work_dir / "last.pt")
    assert len(take.losses) == 3 and runner.step == 6
    saved = read_run(runner.work_dir / "last.pt")
    assert {value.device.type for value in saved["model"].values()} == {"cpu"}
    momenta = [own["momentum_buffer"] for own in runner.optimizer.state.values()]
    assert all(momentum.device == device for momentum in momenta)


@pytest.mark.parametrize(
    ("backbone", "head"),
    [("ResNet", head) for head in HEADS] + [(name, "LinearHead") for name in BACKBONES if name != "ResNet"],
)
def test_every_part_repeats_itself(device, backbone, head):
    model = built(backbone, head)
    set_determinism(True)
    (losses, gradients), (again, gradients_again) = (losses_and_gradients(model, device) for _ in range(2))
    assert losses == again and not differences(gradients, gradients_again)


def test_two_commands_leave_the_same_weights(tmp_path, device):
    """In fresh processes, where nothing but the setting itself has prepared PyTorch and cuBLAS."""
    config = write_config(tmp_path)
    environment = {key: value for key, value in os.environ.items() if key != "CUBLAS_WORKSPACE_CONFIG"}
    environment["PYTHONPATH"] = str(ROOT)
    contents = []
    for name in ("a", "b"):
        command = [sys.executable, ROOT / "tools/train.py", config, "--work-dir", tmp_path / name, "--device", device]
        options = ["--cfg-options", FIXED, "hooks.evaluate=None", "data.workers=1"]
        done = subprocess.run([*map(str, command), *options], env=environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        contents.append(without_config(read_run(tmp_path / name / "last.pt")))
    assert contents[0]["step"] == 6 and not differences(*contents)
