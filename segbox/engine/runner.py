"""The training loop. Everything around a step is a hook."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.data.sample import Batch
from segbox.engine.checkpoint import LAST, read_run, refuse_unreadable, write_checkpoint, write_error
from segbox.engine.devices import Upload, without_benchmark, wrap_for_training
from segbox.engine.hooks.hook import Hook
from segbox.engine.kept_buffers import KeptBuffers
from segbox.engine.not_finite import gradient_norm, skip_or_stop
from segbox.engine.pace import Pace
from segbox.engine.save_on_error import save_on_error
from segbox.engine.sharding import full_tensor, is_sharded, unsharded
from segbox.engine.signals import Stopped, StopRequest, stop_request
from segbox.engine.state import restore, run_state
from segbox.engine.step_errors import LabelWatch, errors_explained, worker_errors_explained
from segbox.engine.step_guard import StepGuard, update_weights
from segbox.engine.time_budget import NoBudget
from segbox.errors import TrainingError, UserError
from segbox.evaluation.records import EVALUATION, Evaluation
from segbox.models.unused_parameters import advice_for
from segbox.precision import AMP

logger = logging.getLogger("segbox")


class Runner:
    """Trains a model, and holds the state of the run.

    `train_batches(draw)` starts the endless stream of batches at a draw. `score(model, is_stopped)` evaluates, or
    raises Stopped. `batch_size` is the images of one step over all processes, `epoch` the images of the training set.
    `description` (plain values) goes into every checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        hooks: Mapping[str, Hook],
        train_batches: Callable[[int], Iterable[Batch]],
        val_loader: Iterable | None,
        score: Callable[[nn.Module, Callable[[], bool]], Evaluation],
        *,
        max_steps: int,
        batch_size: int,
        epoch: int,
        work_dir: Path,
        device: torch.device,
        classes: Sequence[str],
        description: Mapping[str, Any],
        seed: int = 0,
        gradient_accumulation_steps: int = 1,
        clip_grad: float | None = None,
        on_nan: str = "stop",
        max_skips: int = 10,
        amp: str | None = None,
        channels_last: bool = False,
        compile: bool = False,
    ) -> None:
        self.model = model
        self.averaged_model: nn.Module | None = None  # set by the EMA hook
        self.resumed_average: Mapping[str, Tensor] | None = (
            None  # its weights in the checkpoint that the run resumed from
        )
        self.optimizer = optimizer
        self.hooks = hooks
        self.train_batches = train_batches
        self.val_loader = val_loader
        self.score = score
        self.max_steps = max_steps
        self.planned_steps: int | None = None  # max_steps, if --time has chosen it
        self.batch_size = batch_size
        self.work_dir = work_dir
        self.device = device
        self.classes = tuple(classes)
        self.description = description
        self.seed = seed
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.clip_grad = clip_grad
        self.on_nan = on_nan
        self.max_skips = max_skips
        self.amp = AMP[amp]
        self.upload = Upload(device)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp == "fp16")
        self.forward = wrap_for_training(model, device, compile)
        self.step = 0
        self.draws = 0  # images seen, over all processes; a resumed run may have another batch size
        self.scored_step = 0  # the last evaluated step
        self.evaluation: Evaluation | None = None  # of this process's last one
        self.skipped = 0  # steps, as far as the host knows
        self.guard = StepGuard(device, max_skips if on_nan == "skip" else 0)
        self.losses: dict[str, Tensor] = {}
        self.is_skipped = torch.zeros((), dtype=torch.bool, device=device)  # the last step; to read it is to wait
        self.has_stepped = False  # so that the optimizer has all of its memory
        self.data_seconds = self.step_seconds = 0.0
        self.gradients_are_checked = False
        self.labels = LabelWatch(epoch, model)
        self.pace = Pace(NoBudget())
        self.request = StopRequest()
        self.is_ended = False  # set by a hook, in all processes at the same step, to end the run before max_steps
        self.batch: Batch | None = None  # of the last step (its first part)
        self.is_consistent = True  # model, optimizer and moving average are those of the same step, ...
        self.buffers = KeptBuffers(model)  # ... after buffers.restore(): these are of before the step
        self.saved: tuple[int, int] | None = None  # (step, scored_step) of last.pt

    def train(self) -> StopRequest:
        """Train up to `max_steps`, or until a signal asks to stop. The returned request holds that signal."""
        with stop_request() as self.request:
            self.call("before_train")
            refuse_unreadable(run_state(self))  # now, not hours later at the first checkpoint
            self.model.train()
            with save_on_error(self), worker_errors_explained():
                try:
                    self.call("evaluate")  # which the previous run may have left undone
                    self.train_steps()
                except Stopped:
                    self.log(f"the evaluation of step {self.step} was stopped; --resume begins with it")
                self.call("save", True)
                self.call("after_train")
            self.request.synchronize()
        return self.request

    def train_steps(self) -> None:
        with closing(iter(self.train_batches(self.draws))) as batches:
            while self.goes_on():
                torch.manual_seed(hash((self.seed, distributed.rank(), self.step)))  # resumed or not, the same dropout
                self.call("before_step")
                self.losses = self.train_step(batches)
                self.pace.see_step(self)
                self.call("after_step")
                self.call("save", False)
                self.call("evaluate")
                self.call("save", False)
        self.settle()
        if self.step >= self.max_steps:
            self.labels.refuse_if_none(self.step)

    def goes_on(self) -> bool:
        is_asked = self.request.is_made() if distributed.world_size() == 1 else self.guard.is_stop_asked
        return self.step < self.max_steps and not self.is_ended and not is_asked

    def train_step(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """One optimizer step on the mean over micro-batches. Returns its losses, also those of a step that is skipped.

        The host does not wait for the device: `is_skipped` is decided there, and what is to be told of it comes later.
        """
        begin = time.perf_counter()
        micro_batches = [next(batches) for _ in range(self.gradient_accumulation_steps)]
        self.data_seconds, self.batch = time.perf_counter() - begin, micro_batches[0]
        self.labels.see(micro_batches, self.batch_size)
        self.optimizer.zero_grad(set_to_none=True)
        self.buffers.keep()
        parts = self.backward(micro_batches)
        self.check_gradients()
        own = list(zip(parts, (batch["paths"] for batch in micro_batches), strict=True))
        self.is_skipped = self.guard.judge(self.step + 1, own, self.clip_gradients(), self.request.is_made())
        if self.guard.lag or self.is_skipped:  # without a lag the host may look
            self.buffers.restore(where=self.is_skipped)
        self.settle(self.guard.lag)
        self.is_consistent = False
        with self.errors_explained(micro_batches[-1]):  # the first step allocates the optimizer's state
            self.has_stepped = update_weights(self.optimizer, self.scaler, self.is_skipped, self.has_stepped)
        self.step += 1
        self.draws += self.batch_size
        self.call("after_update")
        self.buffers.forget()
        self.is_consistent = True
        self.step_seconds = time.perf_counter() - begin
        return {name: sum(losses[name] / len(parts) for losses in parts) for name in parts[0]}

    def settle(self, lag: int = 0) -> None:
        """Tell of all steps but the last `lag` whether they were finite. A collective call."""
        for report in self.guard.due(lag):
            if (mistake := report.mistake()) is not None:
                skip_or_stop(self, mistake, report.step)

    def go_back_to(self, step: int) -> None:
        """Count as if the steps after this one, which have changed nothing, had not been made."""
        self.draws -= (self.step - step) * self.batch_size
        self.step = step

    def backward(self, micro_batches: Sequence[Batch]) -> list[dict[str, Tensor]]:
        """Compute the losses of the micro-batches, and the gradients of their mean.

        Processes exchange gradients in the last micro-batch only. A sharded model exchanges them in each: unreduced
        gradients would take as much memory as the whole model.
        """
        parts = []
        for i, batch in enumerate(micro_batches, 1):
            is_local = i < len(micro_batches) and distributed.world_size() > 1 and not is_sharded(self.model)
            with self.forward.no_sync() if is_local else nullcontext():
                losses = self.forward_losses(batch)
                with self.errors_explained(batch):
                    self.scaler.scale(sum(losses.values()) / len(micro_batches)).backward()
            parts.append({name: value.detach() for name, value in losses.items()})
        return parts

    def forward_losses(self, batch: Batch) -> dict[str, Tensor]:
        autocast = torch.autocast(self.device.type, self.amp or torch.bfloat16, self.amp is not None)
        with self.errors_explained(batch), autocast:
            images, labels = self.upload(batch["images"], batch["labels"])
            return self.forward(images.contiguous(memory_format=self.memory_format), labels)

    def check_gradients(self) -> None:
        """In the first step, refuse a model with parameters that no loss depends on: a mistake in it or its config."""
        if self.gradients_are_checked:
            return
        self.gradients_are_checked = True
        dead = [name for name, p in self.model.named_parameters() if p.requires_grad and p.grad is None]
        if dead:
            shown = ", ".join(dead[:5]) + (f" and {len(dead) - 5} more" if len(dead) > 5 else "")
            raise TrainingError(f"no loss depends on {shown}; {advice_for(dead, self.model)}")

    def clip_gradients(self) -> Tensor | None:
        """Clip the gradients to `clip_grad`. Returns their norm; None in fp16, where the scaler looks at them."""
        if self.clip_grad is not None:
            self.scaler.unscale_(self.optimizer)
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_grad)
        else:
            norm = gradient_norm(self.model.parameters())
        return None if self.scaler.is_enabled() else full_tensor(norm)

    def errors_explained(self, batch: Batch) -> AbstractContextManager:
        return errors_explained(batch["images"], self.device, self.batch_size, self.gradient_accumulation_steps)

    def evaluate(self) -> Mapping[str, float]:
        """Score the averaged model if there is one, else the model, and pass the scores to the hooks."""
        self.settle()
        model = self.averaged_model or self.model
        # Batch-norm statistics differ between processes; those of process 0 are saved, so all evaluate with them.
        distributed.broadcast(model.buffers())
        begin = time.perf_counter()
        with without_benchmark():
            self.evaluation = replace(self.score(model, self.request.is_made), step=self.step)
        self.write_evaluation(EVALUATION, LAST)
        self.call("after_eval", self.evaluation.scores)
        self.scored_step = self.step
        self.pace.see_evaluation(self, time.perf_counter() - begin)
        return self.evaluation.scores

    def write_evaluation(self, name: str, checkpoint: str) -> None:
        """Write the last evaluation into the work dir, as that of a checkpoint."""
        if not distributed.is_main():
            return
        try:
            replace(self.evaluation, checkpoint=checkpoint).write(self.work_dir / name)
        except UserError as error:
            raise write_error(self.work_dir / name, error) from error

    def call(self, moment: str, *arguments: Any) -> None:
        for hook in self.hooks.values():
            getattr(hook, moment)(self, *arguments)

    def log(self, text: str) -> None:
        if distributed.is_main():
            logger.info(text)

    def save(self, name: str, is_alone: bool = False) -> Path:
        """Write a checkpoint into the work dir. A collective call unless `is_alone`."""
        path = self.work_dir / name
        if not is_alone:
            self.settle()
        content = unsharded(run_state(self))
        if distributed.is_main():
            write_checkpoint(content, path)
        if not is_alone:
            distributed.barrier()
        if name == LAST:
            self.saved = (self.step, self.scored_step)
        return path

    def is_saved(self) -> bool:
        """Whether last.pt holds the current step and its evaluation."""
        return self.saved == (self.step, self.scored_step)

    def resume(self, path: Path, content: Mapping[str, Any] | None = None) -> None:
        """Continue from a checkpoint. Rates, steps and hooks are those of the current config."""
        restore(self, path, read_run(path) if content is None else content)
