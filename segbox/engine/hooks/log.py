"""Logs a run: lines, a progress bar on a terminal, log.jsonl, and TensorBoard if it is enabled."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from segbox import distributed
from segbox.engine.checkpoint import write_error
from segbox.engine.work_dir import ends_mid_line
from segbox.errors import UserError
from segbox.progress import ProgressBar, duration
from segbox.registry import HOOKS

from .hook import Hook, checked_interval

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class Log(Hook):
    """Logs every `interval` steps: means over these steps and over the processes; images/s of all processes."""

    def __init__(self, interval: int = 50, tensorboard: bool = False) -> None:
        self.interval = checked_interval(interval)
        self.tensorboard = tensorboard

    def before_train(self, runner: Runner) -> None:
        self.bar = ProgressBar(runner.max_steps) if distributed.is_main() else None
        self.rows = JsonLines(runner.work_dir / "log.jsonl") if distributed.is_main() else None
        self.writer = self._open_tensorboard(runner) if self.tensorboard and distributed.is_main() else None
        self.first_step, self.begin = runner.step, time.perf_counter()
        self._start_window(runner)

    def _start_window(self, runner: Runner) -> None:
        self.window_step, self.window_begin = runner.step, time.perf_counter()
        self.data_seconds = self.step_seconds = 0.0
        self.skipped_steps: torch.Tensor | float = 0.0  # of this window
        self.sums: dict[str, torch.Tensor] = {}

    def after_step(self, runner: Runner) -> None:
        self.skipped_steps = self.skipped_steps + runner.is_skipped
        for name, value in runner.losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + torch.where(runner.is_skipped, 0, value)
        self.data_seconds += runner.data_seconds
        self.step_seconds += runner.step_seconds
        if self.bar is not None:
            self.bar.total = runner.max_steps  # --time changes it
            if self.bar.is_due(runner.step):  # to read the loss is to wait for the device
                loss = float(sum(runner.losses.values()))
                self.bar.show(runner.step, f"loss {loss:.4f}  ETA {self._eta(runner)}")
        if runner.step % self.interval == 0 or runner.step == runner.max_steps:
            self._report(runner)
            self._start_window(runner)

    def _report(self, runner: Runner) -> None:
        runner.settle()
        count = runner.step - self.window_step
        losses = self._mean_losses(count)
        if not distributed.is_main():
            return
        row = {
            "step": runner.step,
            "loss": sum(losses.values()) if losses else math.nan,
            **losses,
            "lr": current_rate(runner.optimizer),
            "data_seconds": self.data_seconds / count,
            "step_seconds": self.step_seconds / count,
            "images_per_second": count * runner.batch_size / (time.perf_counter() - self.window_begin),
            "memory_mb": peak_memory_mb(runner.device),
        }
        if runner.skipped:
            row["skipped_steps"] = runner.skipped
        parts = f" ({', '.join(f'{name} {value:.4f}' for name, value in losses.items())})" if len(losses) > 1 else ""
        self.bar.clear()
        runner.log(
            f"step {row['step']}/{runner.max_steps}  loss {row['loss']:.4f}{parts}  lr {row['lr']:.3g}"
            f"  data {row['data_seconds']:.3f} s  step {row['step_seconds']:.3f} s"
            f"  {row['images_per_second']:.1f} images/s  {row['memory_mb']:.0f} MB  ETA {self._eta(runner)}"
        )
        self._write(runner, row, "train")

    def _mean_losses(self, count: int) -> dict[str, float]:
        """Means over the steps of the window that were not skipped, and over the processes; {} without such steps."""
        skipped, *sums = torch.stack([self.skipped_steps.float(), *(v.float() for v in self.sums.values())]).tolist()
        if skipped == count:
            return {}
        return dict(zip(self.sums, distributed.mean(torch.tensor(sums) / (count - skipped)).tolist()))

    def after_eval(self, runner: Runner, scores: dict[str, float]) -> None:
        if distributed.is_main():
            self._write(runner, {"step": runner.step, **scores}, "eval")

    def after_train(self, runner: Runner) -> None:
        if distributed.is_main():
            self.bar.clear()
            if self.writer is not None:
                self.writer.close()

    def _write(self, runner: Runner, row: dict[str, Any], group: str) -> None:
        self.rows.write(row)
        if self.writer is not None:
            for name, value in row.items():
                if name != "step" and math.isfinite(value):
                    self.writer.add_scalar(f"{group}/{name}", value, row["step"])
        runner.call("after_log", row, group)

    def _eta(self, runner: Runner) -> str:
        seconds = (time.perf_counter() - self.begin) / max(1, runner.step - self.first_step)
        return duration(seconds * (runner.max_steps - runner.step))

    @staticmethod
    def _open_tensorboard(runner: Runner) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError('hooks.log.tensorboard needs TensorBoard: pip install "segbox[tensorboard]"') from None
        return SummaryWriter(str(runner.work_dir / "tensorboard"))


class JsonLines:
    """Appends one JSON object per line. An incomplete last line (of a killed run) is ended first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if ends_mid_line(path):
            self._append("\n")

    def write(self, row: dict[str, Any]) -> None:
        plain = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        self._append(json.dumps(plain) + "\n")

    def _append(self, text: str) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise write_error(self.path, error) from error


def current_rate(optimizer: torch.optim.Optimizer) -> float:
    """The current value of the config's `lr`; the largest rate if no parameter has `lr` itself."""
    groups = optimizer.param_groups
    plain = [group["lr"] for group in groups if group.get("base_lr") == optimizer.defaults["lr"]]
    return max(plain or (group["lr"] for group in groups))


def peak_memory_mb(device: torch.device) -> float:
    """The peak memory of the device; on a CPU, of the process (NaN on Windows)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return math.nan
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
