"""Short different names for the models of a server."""

from collections.abc import Sequence
from pathlib import PurePath

from segbox.errors import ConfigError

OF_RUNS = ("best", "last")  # checkpoints of every run: their folder says more
SUFFIXES = (".pt", ".pth", ".safetensors")


def model_names(words: Sequence[str]) -> list[str]:
    """The last part of each path or word, and as many before it as make all names different."""
    for i, word in enumerate(words):
        if word in words[:i]:
            raise ConfigError(f"{word} is given twice; name each model once")
    parts = [parts_of(word) for word in words]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-max(count, fewest(own)) :]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return [*words]


def parts_of(word: str) -> list[str]:
    path = PurePath(word.partition("://")[2] or word)
    name = path.stem if path.suffix in SUFFIXES else path.name
    return [part for part in (*path.parts[:-1], name) if part not in (path.anchor, "..")]


def fewest(parts: Sequence[str]) -> int:
    return 2 if parts[-1:] and parts[-1] in OF_RUNS else 1
