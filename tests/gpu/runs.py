"""Tiny runs on a device, and what is remembered of them."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.engine.hooks.hook import Hook
from segbox.engine.runner import Runner
from tests.runs import write_config

CPU = torch.device("cpu")
# No dropout and no pooling: a tie that falls otherwise on another device would be no mistake.
SAME = """
hooks = dict(log=None, evaluate=None, checkpoint=None)
model = dict(decode_head=dict(type="FCNHead", dropout=0.0))
train = dict(max_steps=4)
optimizer = dict(lr=0.01, head_lr_mult=1.0)
"""


class Take(Hook):
    """The losses of each step, as numbers (nothing if it was dropped), and the gradient scaler's scale."""

    def __init__(self) -> None:
        self.losses: list[float | None] = []
        self.scales: list[float] = []

    def after_step(self, runner: Runner) -> None:
        self.losses.append(None if runner.is_skipped else sum(v.item() for v in runner.losses.values()))
        self.scales.append(runner.scaler.get_scale())


class OneOfSeveral(int):
    """A number of processes that is 1, and that code which asks does not take for 1."""

    def __eq__(self, other: object) -> bool:
        return False

    def __gt__(self, other: int) -> bool:
        return int(self) >= other

    __hash__ = int.__hash__


def run(
    folder: Path,
    device: torch.device,
    overrides: Sequence[str] = (),
    text: str = SAME,
    resume: Path | None = None,
    spoil: Collection[int] = (),
) -> tuple[Take, Runner]:
    """A run to its end. The batches of the numbers `spoil` are NaN."""
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder)
    runner = build_runner(load_config(write_config(folder, text, "small.py"), overrides), folder, device)
    if resume is not None:
        runner.resume(resume)
    batches = runner.train_batches

    def spoiled(draw: int) -> Any:
        for number, batch in enumerate(batches(draw)):
            if number in spoil:
                batch["images"] = torch.full(batch["images"].shape, float("nan"))
            yield batch

    runner.train_batches = spoiled
    take = Take()
    runner.hooks = {**runner.hooks, "take": take}
    runner.train()
    return take, runner


def apart(a: Any, b: Any, tolerance: float, way: str = "") -> list[str]:
    """Where two contents of checkpoints differ by more than that, whatever device they are on."""
    if isinstance(a, dict):
        assert list(a) == list(b), way
        return [found for key in a for found in apart(a[key], b[key], tolerance, f"{way}.{key}")]
    if not isinstance(a, Tensor):
        return [] if a == b else [f"{way}: {a!r}, {b!r}"]
    a, b = a.cpu(), b.cpu()
    same = (a.shape, a.dtype) == (b.shape, b.dtype) and torch.allclose(a, b, rtol=tolerance, atol=tolerance)
    return [] if same else [way]


def without_config(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "config"}
