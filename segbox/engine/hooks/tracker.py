"""What TensorBoard, Weights & Biases and MLflow have in common: they get what log.jsonl gets."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from segbox import distributed
from segbox.data.sample import Batch
from segbox.errors import CheckpointError, ConfigError, UserError, short
from segbox.weights.loading import first_line

from .hook import Hook
from .log import Log

if TYPE_CHECKING:
    from segbox.engine.runner import Runner

RETRY_SECONDS = 120
MOST_IMAGES = 4


class Tracker(Hook):
    """Sends the scalars of log.jsonl, the config and a picture of the first batch, from the main process.

    A wrong argument ends the run before its first step. A server that fails costs one warning: what was not sent waits,
    and is sent when the server answers again. All of it is in log.jsonl too.
    """

    title: str
    run_id: str | None = None  # which the checkpoints keep: a resumed run goes on in the same one

    @abstractmethod
    def open(self, runner: Runner) -> None:
        """Begin a run, or go on with `run_id`. UserError for a wrong argument; all else counts as a failing server."""

    @abstractmethod
    def send(self, step: int, scalars: dict[str, float]) -> None: ...

    @abstractmethod
    def send_picture(self, step: int, picture: np.ndarray) -> None: ...

    @abstractmethod
    def close(self, is_complete: bool) -> None: ...

    def before_train(self, runner: Runner) -> None:
        if not any(isinstance(hook, Log) for hook in runner.hooks.values()):
            raise ConfigError(f"{self.title} shows what hooks.log logs; add hooks.log")
        self.waiting: deque[Callable[[], None]] = deque()
        self.is_open = self.has_warned = False
        self.retry_at = -math.inf
        self._send_waiting(runner)

    def after_log(self, runner: Runner, row: dict[str, Any], group: str) -> None:
        self.waiting.append(partial(self.send, row["step"], scalars_of(row, group)))
        self._send_waiting(runner)

    def after_step(self, runner: Runner) -> None:
        is_first = runner.step == 1 and distributed.is_main() and self.is_open
        if is_first and runner.batch["images"].shape[1] == 3:  # once, so that it holds up no scalars
            picture = picture_of(runner.batch, runner.description["palette"])
            self._attempt(runner, partial(self.send_picture, runner.step, picture))

    def after_train(self, runner: Runner) -> None:
        self.retry_at = -math.inf
        self.waiting.append(partial(self.close, runner.is_ended or runner.step >= runner.max_steps))
        self._send_waiting(runner)
        if self.waiting and distributed.is_main():
            runner.log(f"{self.title} did not get the last {len(self.waiting)} message(s); log.jsonl has all")

    def _send_waiting(self, runner: Runner) -> None:
        if distributed.is_main() and time.monotonic() >= self.retry_at:
            self._attempt(runner, partial(self._send_all, runner))

    def _send_all(self, runner: Runner) -> None:
        if not self.is_open:
            self.open(runner)
            self.is_open = True
        while self.waiting:
            self.waiting[0]()
            self.waiting.popleft()

    def _attempt(self, runner: Runner, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the clients' packages may raise anything, and a training outlives its server
            if isinstance(error, UserError) and not self.has_warned:
                raise
            self.retry_at = time.monotonic() + RETRY_SECONDS
            if not self.has_warned:
                runner.log(f"WARNING: {self.title} fails ({first_line(error)}); the training goes on, and tries again")
            self.has_warned = True

    def state_dict(self) -> dict[str, Any]:
        return {"run_id": self.run_id}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if not isinstance(state.get("run_id"), str | None):
            raise CheckpointError(f"its run_id is {short(state.get('run_id'))}")
        self.run_id = state.get("run_id")


def scalars_of(row: dict[str, Any], group: str) -> dict[str, float]:
    return {f"{group}/{name}": value for name, value in row.items() if name != "step" and math.isfinite(value)}


def picture_of(batch: Batch, palette: list[list[int]]) -> np.ndarray:
    """Images above their labels in the classes' colours; ignored pixels are black. (H, W, 3), bytes."""
    images = batch["images"][:MOST_IMAGES].movedim(1, -1).cpu().numpy()
    if images.dtype != np.uint8:
        images = np.nan_to_num(images)
        low, high = float(images.min()), float(images.max())
        images = ((images - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    labels = colours[batch["labels"][:MOST_IMAGES].cpu().numpy()]
    return np.concatenate([np.concatenate(list(rows), axis=1) for rows in (images, labels)])
