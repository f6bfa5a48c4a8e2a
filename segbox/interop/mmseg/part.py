"""What a converter of one part of an mmsegmentation model gets and gives.

A converter reads every argument that changes what the part computes. An argument that nobody has read is refused, so
that a model is never built almost like the original.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from segbox.errors import ConfigError

Weights = dict[str, Tensor]
Rename = Callable[[Weights], Weights]


@dataclass(frozen=True)
class Part:
    """Our config of a part, and the function from its tensors by mmsegmentation's names to those by ours."""

    config: dict[str, Any]
    rename: Rename
    # What the part asks of the model as a whole; parts that ask for different values cannot be in one model.
    model: Mapping[str, Any] = field(default_factory=dict)  # {"align_corners": True}
    # Of a backbone or a neck: mmsegmentation's index of each map -> ours, counted from the end (3 -> -1).
    levels: Mapping[int, int] = field(default_factory=dict)


class Arguments:
    """The dict of a part in an mmsegmentation config. `rest` must be empty when its converter is done."""

    # About training, initialization, or how batch norms are shared: nothing that predictions depend on.
    WITHOUT_EFFECT = ("init_cfg", "pretrained", "norm_eval", "frozen_stages", "with_cp", "loss_decode", "sampler")

    def __init__(self, path: str, values: Mapping[str, Any]) -> None:
        self.path = path  # in the original config: "model.decode_head"
        self.rest = {name: value for name, value in values.items() if name not in self.WITHOUT_EFFECT}

    def take(self, name: str, default: Any = None) -> Any:
        """An argument, which counts as read."""
        return self.rest.pop(name, default)

    def expect(self, name: str, *allowed: Any) -> None:
        """Refuse an argument with another value than these; the first is mmsegmentation's default."""
        value = self.take(name, allowed[0])
        if value not in allowed:
            raise ConfigError(f"{self.path}.{name}: {value!r} has no counterpart in segbox; it has {allowed[0]!r}")

    def refuse_rest(self) -> None:
        if self.rest:
            raise ConfigError(f"{self.path}: segbox has no counterpart of {', '.join(self.rest)}")


@dataclass(frozen=True)
class Maps:
    """The maps that a head or a neck reads: see `Part.levels`."""

    levels: Mapping[int, int]


Converter = Callable[[Arguments, Maps], Part]  # of a backbone: Maps are empty
CONVERTERS: dict[str, Converter] = {}  # by mmsegmentation's type: "ResNetV1c", "PSPHead"


def converts(*types: str) -> Callable[[Converter], Converter]:
    """Register the converter of these types."""

    def register(converter: Converter) -> Converter:
        for name in types:
            CONVERTERS[name] = converter
        return converter

    return register


def renamed(weights: Weights, names: Mapping[str, str]) -> Weights:
    """Tensors with the beginnings of their names replaced: {"psp_modules.": "pyramid.levels."}. The longest beginning
    that fits is replaced; a tensor that none fits keeps its name, so it is reported as unused."""
    found = {}
    for name, value in weights.items():
        start = max((start for start in names if name.startswith(start)), key=len, default="")
        found[names.get(start, "") + name.removeprefix(start)] = value
    return found
