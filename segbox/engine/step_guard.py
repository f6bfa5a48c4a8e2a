"""Whether the numbers of a step are finite: decided on the device, told to the host a few steps later.

The host does not wait for the device: a step that is not finite is left out there (see `update_weights`). Its
report is read `lag` steps later, when the device has long been there; on CPUs, which compute at once, in the step
itself. As soon as the run has to end, all further steps are left out too, so the state stays that of before the step.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segbox import distributed
from segbox.engine.not_finite import NotFinite

LAG = 2  # steps, on GPUs, which work while the host goes on


class OnHost:
    """Numbers of a device, copied to the host while it goes on; `read` waits for them."""

    def __init__(self, values: Tensor) -> None:
        self.values = values.detach().to("cpu", non_blocking=values.is_cuda)
        self.event = torch.cuda.Event() if values.is_cuda else None
        if self.event is not None:
            self.event.record()

    def read(self) -> list[float]:
        if self.event is not None:
            self.event.synchronize()
        return self.values.tolist()


@dataclass
class Report:
    """What the host may have to tell of a step. `parts` are its batches: the losses, and the files of the images."""

    step: int
    parts: Sequence[tuple[Mapping[str, Tensor], Sequence[str]]]
    flags: OnHost  # is a loss not finite, is the gradient not finite, does a signal ask to stop, must the run end

    def mistake(self) -> NotFinite | None:
        """What is not finite in any process, with what this process knows of it."""
        loss, gradient, _, is_end = self.flags.read()
        if loss:
            return NotFinite(f"the loss of step {self.step} is not finite", self._spoilt_part(), bool(is_end))
        if gradient:
            images = ", ".join(path for _, paths in self.parts for path in paths)
            return NotFinite(f"the gradient of step {self.step} is not finite", f"images: {images}", bool(is_end))
        return None

    def _spoilt_part(self) -> str | None:
        for losses, paths in self.parts:
            if not torch.isfinite(sum(losses.values())):
                values = ", ".join(f"{name} {value.item():.4g}" for name, value in losses.items())
                return f"({values}); images: {', '.join(paths)}"
        return None


class StepGuard:
    """Judges the steps of a run. The run has to end after more than `most` bad steps in a row."""

    def __init__(self, device: torch.device, most: int) -> None:
        self.lag = LAG if device.type == "cuda" else 0
        self.most = most
        self.in_a_row = torch.zeros((), device=device)
        self.is_end = torch.zeros((), device=device)
        self.is_stop_asked = False  # by a signal to any process, a few steps ago
        self.reports: deque[Report] = deque()

    def judge(
        self,
        step: int,
        parts: Sequence[tuple[Mapping[str, Tensor], Sequence[str]]],
        norm: Tensor | None,
        wants_stop: bool,
    ) -> Tensor:
        """Whether to leave the step out: a number of the device, the same in all processes. No norm is a good one."""
        totals = torch.stack([sum(losses.values()).detach() for losses, _ in parts])
        own = [
            totals.isfinite().logical_not().any(),
            torch.zeros_like(self.is_end) if norm is None else norm.isfinite().logical_not(),
        ]
        flags = torch.stack([*(flag.float() for flag in own), torch.full_like(self.in_a_row, wants_stop)])
        flags = distributed.maximum(flags)
        is_bad = flags[:2].amax()
        self.in_a_row = (self.in_a_row + 1) * is_bad
        self.is_end = torch.maximum(self.is_end, (self.in_a_row > self.most).float())
        self.reports.append(Report(step, parts, OnHost(torch.cat([flags, self.is_end[None]]))))
        return torch.maximum(is_bad, self.is_end) > 0

    def due(self, lag: int) -> Iterator[Report]:
        """Reports of all but the last `lag` steps, the oldest first; each is given once."""
        while len(self.reports) > lag:
            report = self.reports.popleft()
            self.is_stop_asked |= bool(report.flags.read()[2])
            yield report

    def last_good(self, step: int) -> int:
        """The step whose state the model has after `step` steps. Asks no other process."""
        ends = (report.step - 1 for report in self.reports if report.flags.read()[3])
        return min(step, next(ends, step))


def update_weights(
    optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, is_skipped: Tensor, has_stepped: bool
) -> bool:
    """One step of the optimizer, unless it is skipped. Returns whether it has made one, now or before.

    Fused kernels ask the device. The host waits for the answer with other optimizers, in fp16, and up to the first
    step: PyTorch's fused SGD would go on with memory that was never written, if that one were skipped.
    """
    if has_stepped and getattr(optimizer, "_step_supports_amp_scaling", False) and not scaler.is_enabled():
        optimizer.found_inf = is_skipped.float()
        try:
            optimizer.step()
        finally:
            del optimizer.found_inf
    elif not is_skipped:
        scaler.step(optimizer)
        scaler.update()
        return True
    return has_stepped
