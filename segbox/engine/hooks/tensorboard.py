"""TensorBoard: curves, the config and the first batch, in the run's folder `tensorboard`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from segbox.errors import ConfigError, UserError
from segbox.registry import HOOKS

from .log import Log
from .tracker import Tracker

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class TensorBoard(Tracker):
    """Writes WORK_DIR/tensorboard. A resumed run goes on there; later steps that it left are hidden."""

    title = "hooks.tensorboard"

    def open(self, runner: Runner) -> None:
        if any(isinstance(hook, Log) and hook.tensorboard for hook in runner.hooks.values()):
            raise ConfigError(
                "hooks.tensorboard and hooks.log.tensorboard write the same curves; leave one of them out"
            )
        self.writer = self._writer(runner)
        if runner.step == 0:
            text = json.dumps(runner.description["config"], indent=2, default=str).replace("\n", "\n    ")
            self.writer.add_text("config", f"    {text}")

    @staticmethod
    def _writer(runner: Runner) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError('hooks.tensorboard needs TensorBoard: pip install "segbox[tensorboard]"') from None
        return SummaryWriter(str(runner.work_dir / "tensorboard"), purge_step=runner.step + 1 if runner.step else None)

    def send(self, step: int, scalars: dict[str, float]) -> None:
        for name, value in scalars.items():
            self.writer.add_scalar(name, value, step)

    def send_picture(self, step: int, picture: np.ndarray) -> None:
        self.writer.add_image("first batch", picture, step, dataformats="HWC")

    def close(self, is_complete: bool) -> None:
        self.writer.close()
