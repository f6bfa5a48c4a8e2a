"""Files of safetensors, which are known by their content: the length of a header, and the header in JSON."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from segbox.errors import CheckpointError

LENGTH = 8  # bytes that say how long the header is
LONGEST_HEADER = 10**8


def is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        beginning = file.read(LENGTH + 1)
    length = int.from_bytes(beginning[:LENGTH], "little")
    return beginning[LENGTH:] == b"{" and 2 <= length <= LONGEST_HEADER


def read_safetensors(path: Path, lazily: bool = False) -> dict[str, Tensor]:
    """The tensors of a file. With `lazily`, they are read from disk when they are used."""
    try:
        tensors = safetensors.torch.load_file(path)
    except MemoryError:
        raise
    except (SafetensorError, ValueError, OSError, KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: is a truncated or damaged file of safetensors ({path.stat().st_size} bytes):"
            f" {str(error).splitlines()[0]}"
        ) from None
    return tensors if lazily else {name: value.clone() for name, value in tensors.items()}
