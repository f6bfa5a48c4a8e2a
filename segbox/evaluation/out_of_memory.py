"""Running out of memory while images are scored or predicted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from segbox.errors import UserError

OUT_OF_MEMORY = (  # messages of others than PyTorch's GPU allocator
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "'out of memory'",  # NCCL
)


@contextmanager
def scoring_explained(
    count: int, size: Sequence[int], device: torch.device, first: str = "data.val_batch_size=1"
) -> Iterator[None]:
    """Turn an out-of-memory error into a UserError that says what to change, `first` where a batch has several images;
    `count` is their number."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        fewer = f"{first}, then " if count > 1 else ""
        raise UserError(
            f"{device} is out of memory while scoring {count} image(s) of {size[0]}x{size[1]}. Try {fewer}"
            "test.mode=slide with a smaller test.window and test.windows_per_batch=1"
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether the error says that the device (or the machine, on a CPU) is out of memory."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY)
