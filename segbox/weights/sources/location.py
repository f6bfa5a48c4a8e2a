"""What is known of a weight file before it is downloaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segbox.weights.mean_std import Card


@dataclass(frozen=True)
class Location:
    """Where a file lies on the internet, and under which name it is stored here."""

    url: str
    filename: str
    digest: str = ""  # the SHA-256 of the file or its beginning; of 40 digits: the SHA-1 of git
    licence: str | None = None
    card: Card | None = None
    folder: Path | None = None  # where it is stored; None: the folder of its scheme in the cache
    headers: Mapping[str, str] = field(default_factory=dict)  # of the request; not sent to other hosts


Locate = Callable[[str], Location]  # of the name behind "scheme://"; raises CheckpointError for an unknown one
