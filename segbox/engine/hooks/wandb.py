"""Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from segbox.errors import UserError
from segbox.registry import HOOKS
from segbox.weights.loading import first_line

from .tracker import Tracker

if TYPE_CHECKING:
    from segbox.engine.runner import Runner

MODES = ("online", "offline")
SECONDS = 30  # for the server's first answer


@HOOKS.register
class WandB(Tracker):
    """Sends curves, config and the first batch to a project of Weights & Biases. Log in first: `wandb login`.

    `mode="offline"` writes into WORK_DIR/wandb, for `wandb sync` later.
    """

    title = "hooks.wandb"

    def __init__(
        self,
        project: str = "segbox",
        name: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        mode: str = "online",
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode={mode!r}: expected one of {', '.join(MODES)}")
        self.project, self.name, self.entity = project, name, entity
        self.group, self.tags, self.mode = group, list(tags), mode

    def open(self, runner: Runner) -> None:
        try:
            import wandb
        except ImportError:
            raise UserError('hooks.wandb needs wandb: pip install "segbox[wandb]"') from None
        self.picture_class = wandb.Image
        try:
            self.run = self._run(wandb, runner)
        except (wandb.errors.UsageError, wandb.errors.AuthenticationError) as error:
            raise UserError(f"hooks.wandb: {first_line(error)}") from error
        self.run_id = self.run.id
        self.run.define_metric("*", step_metric="step")  # W&B's own counter could not go back to an earlier step
        where = self.run.url if self.mode == "online" else f"in {runner.work_dir / 'wandb'}, for `wandb sync`"
        runner.log(f"Weights & Biases: run {self.run_id}, {where}")

    def _run(self, wandb: Any, runner: Runner) -> Any:
        return wandb.init(
            project=self.project,
            name=self.name or runner.work_dir.name,
            entity=self.entity,
            group=self.group,
            tags=self.tags,
            mode=self.mode,
            dir=str(runner.work_dir),
            id=self.run_id,
            resume=None if self.run_id is None or self.mode == "offline" else "allow",
            config=runner.description["config"],
            allow_val_change=True,
            settings=wandb.Settings(console="off", silent=True, init_timeout=SECONDS),
        )

    def send(self, step: int, scalars: dict[str, float]) -> None:
        self.run.log({"step": step, **scalars})

    def send_picture(self, step: int, picture: np.ndarray) -> None:
        self.run.log({"step": step, "first batch": self.picture_class(picture)})

    def close(self, is_complete: bool) -> None:
        self.run.finish(exit_code=0 if is_complete else 1)
