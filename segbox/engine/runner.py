"""The run: one loop, and hooks for everything around a step."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.data.sample import Batch
from segbox.engine.checkpoint import LAST, read_run, refuse_unreadable, write_checkpoint
from segbox.engine.hooks.hook import Hook
from segbox.engine.rescue import saved_on_error
from segbox.engine.sharding import gathered, is_sharded, own_parts, reshard, whole
from segbox.engine.signals import Stopped, StopRequest, stop_request
from segbox.engine.state import put_back, state_of
from segbox.engine.step_errors import Diverged, LabelWatch, NotFinite, explained, gradient_norm, workers_explained
from segbox.errors import TrainingError
from segbox.models.unused_parameters import advice_for
from segbox.precision import AMP

logger = logging.getLogger("segbox")


class Runner:
    """A model, its data and its hooks, and the step that has been reached.

    `train_batches(draw)` begins the endless stream of batches at a draw; `score(model, is_stopped)` evaluates, or
    raises Stopped. `batch_size` counts the images of one step over all processes, `epoch` those of the training set.
    `description` (plain values) goes into every checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        hooks: Mapping[str, Hook],
        train_batches: Callable[[int], Iterable[Batch]],
        val_loader: Iterable | None,
        score: Callable[[nn.Module, Callable[[], bool]], dict[str, float]],
        *,
        max_steps: int,
        batch_size: int,
        epoch: int,
        work_dir: Path,
        device: torch.device,
        classes: Sequence[str],
        description: Mapping[str, Any],
        seed: int = 0,
        accumulate: int = 1,
        clip_grad: float | None = None,
        on_nan: str = "stop",
        max_skips: int = 10,
        amp: str | None = None,
        channels_last: bool = False,
        compile: bool = False,
    ) -> None:
        self.model = model
        self.averaged_model: nn.Module | None = None  # set by the hook that keeps one
        self.resumed_average: Mapping[str, Tensor] | None = None  # its weights in the checkpoint of before
        self.optimizer = optimizer
        self.hooks = hooks
        self.train_batches = train_batches
        self.val_loader = val_loader
        self.score = score
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.work_dir = work_dir
        self.device = device
        self.classes = tuple(classes)
        self.description = description
        self.seed = seed
        self.accumulate = accumulate
        self.clip_grad = clip_grad
        self.on_nan = on_nan
        self.max_skips = max_skips
        self.amp = AMP[amp]
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp == "fp16")
        self.forward = prepare(model, device, compile)
        self.step = 0
        self.draws = 0  # images seen, over all processes; a run may go on with another batch size
        self.scored_step = 0  # the last one that was evaluated
        self.skipped = self.skipped_in_a_row = 0
        self.losses: dict[str, Tensor] = {}
        self.data_seconds = self.step_seconds = 0.0
        self.gradients_are_checked = False
        self.labels = LabelWatch(epoch)
        self.request = StopRequest()
        self.is_whole = True  # model, optimizer and moving average are those of one step, ...
        self.statistics: Sequence[Tensor] = ()  # ... once these are put back: the model's buffers of before
        self.saved: tuple[int, int] | None = None  # the step in last.pt, and the last evaluated one it knows of

    def train(self) -> StopRequest:
        """Train up to `max_steps`, or until a signal asks to stop; says which."""
        with stop_request() as self.request:
            self.call("before_train")
            refuse_unreadable(state_of(self))  # before the hours until the first checkpoint
            self.model.train()
            with saved_on_error(self), workers_explained():
                try:
                    self.call("evaluate")  # what the run before this one had still to do
                    self.train_steps()
                except Stopped:
                    self.log(f"the evaluation of step {self.step} was stopped; --resume begins with it")
                self.call("save", True)
                self.call("after_train")
            self.request.share()
        return self.request

    def train_steps(self) -> None:
        with closing(iter(self.train_batches(self.draws))) as batches:
            while self.step < self.max_steps and not distributed.any_says(self.request.is_made()):
                torch.manual_seed(hash((self.seed, distributed.rank(), self.step)))  # resumed or not, the same dropout
                self.call("before_step")
                self.losses = self.update(batches)
                self.call("after_step")
                self.call("save", False)
                self.call("evaluate")
                self.call("save", False)
        if self.step >= self.max_steps:
            self.labels.refuse_if_none(self.step)

    def update(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of the optimizer on the mean over `accumulate` batches; no losses if it was skipped."""
        begin = time.perf_counter()
        parts = [next(batches) for _ in range(self.accumulate)]
        self.data_seconds = time.perf_counter() - begin
        self.labels.see(parts, self.batch_size)
        self.optimizer.zero_grad(set_to_none=True)
        self.statistics = [buffer.clone() for buffer in self.model.buffers()]
        try:
            losses = self.backward(parts)
            self.check_gradients()
            self.limit_gradients(parts)
        except NotFinite as found:
            self.drop_step(found)
            losses = {}
        self.is_whole = False
        if losses:
            self.skipped_in_a_row = 0
            with self.explained(parts[-1]):  # the first step makes the optimizer's memory
                self.scaler.step(self.optimizer)
            self.scaler.update()
        self.step += 1
        self.draws += self.batch_size
        self.call("after_update")
        self.statistics, self.is_whole = (), True
        self.step_seconds = time.perf_counter() - begin
        return losses

    def backward(self, parts: Sequence[Batch]) -> dict[str, Tensor]:
        """Gradients and losses, the means over the parts. Processes exchange gradients in the last part only (those
        of a sharded model in each part: held back, they would take as much memory as the whole model).
        """
        sums: dict[str, Tensor] = {}
        for i, batch in enumerate(parts, 1):
            is_alone = i < len(parts) and distributed.world_size() > 1 and not is_sharded(self.model)
            with self.forward.no_sync() if is_alone else nullcontext():
                losses = self.forward_losses(batch)
                total = sum(losses.values())
                is_finite = bool(torch.isfinite(total))
                if distributed.any_says(not is_finite):
                    values = ", ".join(f"{name} {value.item():.4g}" for name, value in losses.items())
                    told = None if is_finite else f"({values}); images: {', '.join(batch['paths'])}"
                    raise NotFinite(f"the loss of step {self.step + 1} is not finite", told)
                with self.explained(batch):
                    self.scaler.scale(total / len(parts)).backward()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.detach() / len(parts)
        return sums

    def forward_losses(self, batch: Batch) -> dict[str, Tensor]:
        with self.explained(batch), torch.autocast(self.device.type, self.amp or torch.bfloat16, self.amp is not None):
            images = batch["images"].to(self.device, non_blocking=True, memory_format=self.memory_format)
            return self.forward(images, batch["labels"].to(self.device, non_blocking=True))

    def explained(self, batch: Batch) -> AbstractContextManager:
        return explained(batch["images"], self.device, self.batch_size, self.accumulate)

    def limit_gradients(self, parts: Sequence[Batch]) -> None:
        """Clip the gradients, and refuse those that would ruin the weights (under fp16, that is the scaler's work)."""
        if self.clip_grad is not None:
            self.scaler.unscale_(self.optimizer)
            norm = whole(nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_grad))
        else:
            norm = whole(gradient_norm(self.model.parameters()))
        if not self.scaler.is_enabled() and not torch.isfinite(norm):
            told = f"images: {', '.join(path for batch in parts for path in batch['paths'])}"
            raise NotFinite(f"the gradient of step {self.step + 1} is not finite", told)

    def drop_step(self, found: NotFinite) -> None:
        """Put the statistics back as they were before this step; go on, or save and end with the images' file names."""
        self.put_statistics_back()
        message = f"{found.what} {'; '.join(filter(None, distributed.gather(found.told)))}"
        broken = self.broken_parameters()
        if broken:
            raise Diverged(
                f"{message}\n{len(broken)} parameters are not finite either (first: {broken[0]}), so this state was"
                " not saved; go on from the last checkpoint with a lower optimizer.lr or train.clip_grad=1"
            )
        if self.on_nan == "skip" and self.skipped_in_a_row < self.max_skips:
            self.skipped += 1
            self.skipped_in_a_row += 1
            self.log(f"{message}\nThis step was skipped ({self.skipped} of the run)")
            return
        path = self.save("before_nan.pt")
        row = f"\nThat is {self.max_skips + 1} steps in a row." if self.on_nan == "skip" else ""
        raise Diverged(
            f"{message}{row}\nThe state before this step is in {path}. Look at these images, or lower optimizer.lr"
        )

    @torch.no_grad()
    def put_statistics_back(self) -> None:
        """The buffers as they were before the step under way, if one is."""
        reshard(self.model)
        for buffer, before in zip(self.model.buffers(), self.statistics):
            buffer.copy_(before)

    def broken_parameters(self) -> list[str]:
        """Those that are not finite, on any process."""
        names = [name for name, _ in self.model.named_parameters()]
        own = [name for name, p in zip(names, own_parts(self.model), strict=True) if not torch.isfinite(p).all()]
        found = {name for broken in distributed.gather(own) for name in broken}
        return [name for name in names if name in found]

    def check_gradients(self) -> None:
        """Once a run: a parameter that no loss reaches is a mistake in the model or its config."""
        if self.gradients_are_checked:
            return
        self.gradients_are_checked = True
        dead = [name for name, p in self.model.named_parameters() if p.requires_grad and p.grad is None]
        if dead:
            shown = ", ".join(dead[:5]) + (f" and {len(dead) - 5} more" if len(dead) > 5 else "")
            raise TrainingError(f"no loss depends on {shown}; {advice_for(dead, self.model)}")

    def evaluate(self) -> dict[str, float]:
        """Score the averaged model if a hook keeps one, else the model, and tell the hooks."""
        model = self.averaged_model or self.model
        # Batch norms' statistics drift apart between processes; the first one's are those that are saved.
        distributed.share(model.buffers())
        scores = self.score(model, self.request.is_made)
        self.call("after_eval", scores)
        self.scored_step = self.step
        return scores

    def call(self, moment: str, *arguments: Any) -> None:
        for hook in self.hooks.values():
            getattr(hook, moment)(self, *arguments)

    def log(self, text: str) -> None:
        if distributed.is_main():
            logger.info(text)

    def content(self) -> dict[str, Any]:
        return state_of(self)

    def save(self, name: str, is_alone: bool = False) -> Path:
        """Write a checkpoint into the work dir; the processes wait for it, unless this one `is_alone`."""
        path = self.work_dir / name
        content = gathered(self.content())
        if distributed.is_main():
            write_checkpoint(content, path)
        if not is_alone:
            distributed.barrier()
        if name == LAST:
            self.saved = (self.step, self.scored_step)
        return path

    def is_saved(self) -> bool:
        """Whether last.pt holds all that there is to know of the present step."""
        return self.saved == (self.step, self.scored_step)

    def resume(self, path: Path, content: Mapping[str, Any] | None = None) -> None:
        """Go on from a checkpoint; what the config says now (rates, steps, hooks) holds from here on."""
        put_back(self, path, read_run(path) if content is None else content)


def prepare(model: nn.Module, device: torch.device, compile: bool) -> nn.Module:
    """What is called in training: the model, its gradients exchanged between processes, compiled."""
    forward = model
    if distributed.world_size() > 1 and not is_sharded(model):
        devices = [device] if device.type == "cuda" else None
        forward = nn.parallel.DistributedDataParallel(model, device_ids=devices)
    return torch.compile(forward) if compile else forward


def steps_of(max_steps: int | None, max_epochs: float | None, images: int, batch_size: int) -> int:
    """Epochs are turned into steps once, when the run is built."""
    if (max_steps is None) == (max_epochs is None):
        raise ValueError("give either max_steps or max_epochs")
    steps = max_steps if max_steps is not None else math.ceil(max_epochs * images / batch_size)
    if steps < 1:
        raise ValueError(f"max_steps={max_steps}, max_epochs={max_epochs}: expected one step or more")
    return steps
