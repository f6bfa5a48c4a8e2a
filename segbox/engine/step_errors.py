"""What can go wrong inside a step, and what is said about it."""

import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from segbox import IGNORE_INDEX, distributed
from segbox.data.sample import Batch
from segbox.errors import TrainingError
from segbox.evaluation.out_of_memory import is_out_of_memory

STEPS_WITHOUT_LABELS = 100  # and an epoch: crops of a few labels may miss them by chance
SIGNS_OF_WORKERS = ("DataLoader worker", "Pin memory thread")


class LabelWatch:
    """Refuses a run none of whose pixels is labelled: its loss is 0, and it learns nothing.

    A batch without labels is nothing unusual, so a run has time for `epoch` images and some steps, or up to its end.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.steps = self.images = 0
        self.found = False

    def see(self, parts: Sequence[Batch], images: int) -> None:
        """The batches of one process for a step of so many `images`."""
        if self.found:
            return
        own = any(bool((batch["labels"] != IGNORE_INDEX).any()) for batch in parts)
        self.found = distributed.any_says(own)
        self.steps += 1
        self.images += images
        if self.images >= self.epoch and self.steps >= STEPS_WITHOUT_LABELS:
            self.refuse_if_none(self.steps)

    def refuse_if_none(self, steps: int) -> None:
        """After `steps`, of which a resumed run has seen a part only."""
        if not self.found and self.steps == steps > 0:
            raise TrainingError(
                f"no pixel of the {self.images} images of {steps} steps is labelled: all are {IGNORE_INDEX}, which is"
                " ignored, so there is nothing to learn. Look at them with segbox browse CONFIG, and at what"
                " the data set's label_map and the pipeline do to the labels"
            )


@contextmanager
def errors_explained(images: Tensor, device: torch.device, batch_size: int, accumulate: int) -> Iterator[None]:
    """Errors that PyTorch words for itself, in words for the user: with what to change in the config."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        text = str(error)
        if is_out_of_memory(error):
            raise TrainingError(out_of_memory(images, device, batch_size, accumulate)) from error
        if "more than 1 value per channel" in text:
            raise TrainingError(
                f"batch norm has a single value per channel with {len(images)} image(s) per process; use a larger"
                " data.batch_size, fewer processes or less train.accumulate"
            ) from error
        if "mixed torch.Tensor and DTensor" in text:
            raise TrainingError(
                "train.shard: the network uses weights of a block without calling the block, which would gather them;"
                " this network trains with train.shard=False only"
            ) from error
        if "it uses CuBLAS" in text:
            raise TrainingError(
                "train.deterministic: PyTorch has multiplied matrices on a GPU before it was told so, or"
                " CUBLAS_WORKSPACE_CONFIG is set to something else; set it to :4096:8 before the program starts"
            ) from error
        if "deterministic implementation" in text:
            name = text.split(" does not have")[0]
            raise TrainingError(
                f"train.deterministic: {name} gives other last bits each time on {device}; replace the part that uses"
                " it, or say train.deterministic=False"
            ) from error
        raise


@contextmanager
def worker_errors_explained() -> Iterator[None]:
    """A data worker that has died is noticed when its batch is due, and told in a line."""
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
    """PyTorch's handler of them would raise at whatever line the run is: in a destructor, in a checkpoint's writing."""
    if sys.platform == "win32":
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        yield
    finally:
        handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # which forgets those that were held back
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)


def is_of_a_worker(error: Exception) -> bool:
    """PyTorch's own word, or a pipe to a worker that broke before it could say it.

    On GPUs a thread stands between: it puts batches into pinned memory, and ends when such a pipe breaks.
    """
    if isinstance(error, RuntimeError):
        return any(sign in str(error) for sign in SIGNS_OF_WORKERS)
    files = (frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))
    return any("multiprocessing" in Path(file).parts for file in files)


def out_of_memory(images: Tensor, device: torch.device, batch_size: int, accumulate: int) -> str:
    count, (height, width) = len(images), images.shape[-2:]
    smaller = [max(32, side * 3 // 4 // 32 * 32) for side in (height, width)]
    if count > 1:
        parts = accumulate * next(n for n in range(2, count + 1) if count % n == 0)
        way = f"train.accumulate={parts} (the same step of {batch_size} images in smaller parts), then "
    else:
        way = ""
    return (
        f"{device} is out of memory with {count} image(s) of {height}x{width} per process and forward pass. Try {way}"
        f"train.amp=bf16, or a crop of {smaller[0]}x{smaller[1]}; where the model itself is what is large, several"
        " processes with train.shard=True"
    )
