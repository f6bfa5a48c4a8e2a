"""Weight files by name: a path today; the other words that name a file are to come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segbox.errors import CheckpointError
from segbox.weights.mean_std import Card


@dataclass(frozen=True)
class WeightFile:
    """A weight file on this machine, and what its source says of it."""

    word: str  # as the user named it
    path: Path
    licence: str | None = None
    card: Card | None = None  # the mean and std that the weights were trained with
    others: Mapping[str, Path] = field(default_factory=dict)  # files of the same source: "config.json"


def find_weights(word: str | Path) -> WeightFile:
    """The file that a word of a config or a command names; it is downloaded if it is not here yet."""
    path = Path(word)
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    return WeightFile(str(word), path)
