"""Errors inside a training step, turned into messages that say what to change."""

import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segbox import IGNORE_INDEX, distributed
from segbox.data.sample import Batch
from segbox.errors import DataError, TrainingError
from segbox.evaluation.out_of_memory import is_out_of_memory
from segbox.models.criterion import Criterion
from segbox.models.losses.pixels import check_labels

STEPS_WITHOUT_LABELS = 100  # and an epoch: with few labels, random crops may miss them
SIGNS_OF_WORKERS = ("DataLoader worker", "Pin memory thread")


class LabelWatch:
    """Ends a run whose pixels are all ignored: its loss is 0, and it learns nothing.

    It also refuses ids that are no class: on the device, each look at the labels would be a wait for it.

    Single batches without labels are normal, so it waits for `epoch` images and STEPS_WITHOUT_LABELS steps, or for the
    end of the run.
    """

    def __init__(self, epoch: int, model: nn.Module) -> None:
        self.epoch = epoch
        criteria = [module for module in model.modules() if isinstance(module, Criterion)]
        self.num_classes = max((criterion.num_classes for criterion in criteria), default=None)
        for criterion in criteria:
            criterion.labels_are_checked = True
        self.steps = self.images = 0
        self.found = False

    def see(self, micro_batches: Sequence[Batch], images: int) -> None:
        """Look at this process's batches of a step of `images` images, before they go to the device."""
        if self.num_classes is not None:
            for batch in micro_batches:
                refuse_strange_labels(batch, self.num_classes)
        if self.found:
            return
        own = any(bool((batch["labels"] != IGNORE_INDEX).any()) for batch in micro_batches)
        self.found = distributed.any_says(own)
        self.steps += 1
        self.images += images
        if self.images >= self.epoch and self.steps >= STEPS_WITHOUT_LABELS:
            self.refuse_if_none(self.steps)

    def refuse_if_none(self, steps: int) -> None:
        """Raise if no label was found in `steps` steps. A resumed run, which saw only some of them, is not judged."""
        if not self.found and self.steps == steps > 0:
            raise TrainingError(
                f"no pixel of the {self.images} images of {steps} steps is labelled: all are {IGNORE_INDEX}, which is"
                " ignored, so there is nothing to learn. Look at the samples with segbox browse CONFIG, and check"
                " the data set's label_map and the pipeline"
            )


def refuse_strange_labels(batch: Batch, num_classes: int) -> None:
    """Raise DataError, with the file's name, for ids that are no class."""
    labels = batch["labels"]
    if labels.dim() != 3 or labels.is_floating_point():
        return
    is_of_bytes = labels.dtype == torch.uint8 and labels.device.type == "cpu"
    if is_of_bytes and (labels.numpy() + np.uint8(1)).max(initial=0) <= num_classes:  # IGNORE_INDEX + 1 is 0
        return
    for label, path in zip(labels, batch["paths"], strict=True):
        try:
            check_labels(label, num_classes, IGNORE_INDEX)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error


@contextmanager
def errors_explained(
    images: Tensor, device: torch.device, batch_size: int, gradient_accumulation_steps: int
) -> Iterator[None]:
    """Turn errors of PyTorch into a TrainingError that says what to change in the config."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        text = str(error)
        if is_out_of_memory(error):
            raise TrainingError(out_of_memory(images, device, batch_size, gradient_accumulation_steps)) from error
        if "more than 1 value per channel" in text:
            raise TrainingError(
                f"batch norm has a single value per channel with {len(images)} image(s) per process; use a larger"
                " data.batch_size, fewer processes or less train.gradient_accumulation_steps"
            ) from error
        if "mixed torch.Tensor and DTensor" in text:
            raise TrainingError(
                "train.shard: the network uses weights of a block without calling the block, which would gather them;"
                " this network trains with train.shard=False only"
            ) from error
        if "it uses CuBLAS" in text:
            raise TrainingError(
                "train.deterministic: PyTorch has multiplied matrices on a GPU before this setting, or"
                " CUBLAS_WORKSPACE_CONFIG has another value; set it to :4096:8 before the program starts"
            ) from error
        if "deterministic implementation" in text:
            name = text.split(" does not have")[0]
            raise TrainingError(
                f"train.deterministic: {name} is not reproducible to the last bit on {device}; replace the part that"
                " uses it, or set train.deterministic=False"
            ) from error
        raise


@contextmanager
def worker_errors_explained() -> Iterator[None]:
    """Turn the error that a dead data worker causes into a line for the user."""
    try:
        with sigchld_blocked():
            yield
    except (RuntimeError, OSError, EOFError) as error:
        if not is_of_a_worker(error):
            raise
        reason = (str(error).splitlines() or ["its pipe is closed"])[0]
        raise TrainingError(
            f"a data worker has ended ({reason}); if memory ran out, use fewer data.workers. Go on with --resume"
        ) from error


@contextmanager
def sigchld_blocked() -> Iterator[None]:
    """Block SIGCHLD. PyTorch's handler would raise at any line: in a destructor, or while a checkpoint is written."""
    if sys.platform == "win32":
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        yield
    finally:
        handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # this discards the blocked signals
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)


def is_of_a_worker(error: Exception) -> bool:
    """Whether a data worker caused the error: PyTorch says so, or the pipe to the worker broke.

    On GPUs, PyTorch's pin-memory thread ends when such a pipe breaks, and that is what the error says.
    """
    if isinstance(error, RuntimeError):
        return any(sign in str(error) for sign in SIGNS_OF_WORKERS)
    files = (frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))
    return any("multiprocessing" in Path(file).parts for file in files)


def out_of_memory(images: Tensor, device: torch.device, batch_size: int, gradient_accumulation_steps: int) -> str:
    count, (height, width) = len(images), images.shape[-2:]
    smaller = [max(32, side * 3 // 4 // 32 * 32) for side in (height, width)]
    if count > 1:
        parts = gradient_accumulation_steps * next(n for n in range(2, count + 1) if count % n == 0)
        advice = (
            f"train.gradient_accumulation_steps={parts} (the same step of {batch_size} images in smaller parts), then "
        )
    else:
        advice = ""
    return (
        f"{device} is out of memory with {count} image(s) of {height}x{width} per process and forward pass. Try"
        f" {advice}train.precision=bf16, or a crop of {smaller[0]}x{smaller[1]}; if the model itself is too large,"
        " several processes with train.shard=True"
    )
