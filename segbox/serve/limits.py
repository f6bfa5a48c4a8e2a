"""What a server takes from its clients, and how it refuses the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    megabytes: float = 25  # of a request, 10^6 bytes each
    pixels: int = 50_000_000  # of a picture
    queue: int = 8  # pictures that wait for a model, besides the one that it works on
    wait: float = 60  # seconds that a picture waits for its turn, at most
    batch_size: int | None = None  # pictures of one size at a time; None: as many as are good for the model's device
    seconds: float = 60  # in which a client has to send its request, and then to take the answer
    connections: int = 64  # at a time


@dataclass
class Refused(Exception):
    """A request that is not answered as it asks: an HTTP status, and a sentence for the client."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
