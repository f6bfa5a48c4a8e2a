"""Losses and gradients that are NaN or Inf: the step is skipped, or the run ends with the state before it saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.engine.sharding import local_parameters
from segbox.errors import TrainingError

if TYPE_CHECKING:
    from segbox.engine.runner import Runner

ON_NAN = ("stop", "skip")


@dataclass
class NotFinite:
    """The loss or the gradient of a step is not finite. `detail` is what this process knows of it, or None."""

    what: str
    detail: str | None
    is_end: bool  # of the run: on_nan="stop", or too many steps in a row


class Diverged(TrainingError):
    """The training produced numbers that are not finite. The message says which state was saved."""


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """The norm of all gradients together."""
    return torch.stack(torch._foreach_norm([p.grad for p in parameters if p.grad is not None])).norm()


def skip_or_stop(runner: Runner, mistake: NotFinite, step: int) -> None:
    """Tell that a step was skipped; or save the state before it, and raise Diverged with the images' file names."""
    message = f"{mistake.what} {'; '.join(filter(None, distributed.gather(mistake.detail)))}"
    broken = non_finite_parameters(runner.model)
    if broken:
        raise Diverged(
            f"{message}\n{len(broken)} parameters are not finite either (first: {broken[0]}), so this state was"
            " not saved; go on from the last checkpoint with a lower optimizer.lr or train.clip_grad=1"
        )
    if not mistake.is_end:
        runner.skipped += 1
        runner.log(f"{message}\nThis step was skipped ({runner.skipped} of the run)")
        return
    runner.guard.reports.clear()  # the later steps have changed nothing
    runner.go_back_to(step - 1)
    path = runner.save("before_nan.pt")
    row = f"\nThat is {runner.max_skips + 1} steps in a row." if runner.on_nan == "skip" else ""
    raise Diverged(
        f"{message}{row}\nThe state before this step is in {path}. Look at these images, or lower optimizer.lr"
    )


def non_finite_parameters(model: nn.Module) -> list[str]:
    """The names of the parameters that hold NaN or Inf in any process."""
    names = [name for name, _ in model.named_parameters()]
    own = [name for name, p in zip(names, local_parameters(model), strict=True) if not torch.isfinite(p).all()]
    found = {name for broken in distributed.gather(own) for name in broken}
    return [name for name in names if name in found]
