"""What a converter of one part of an mmsegmentation model gets and gives.

A converter reads every argument that changes what the part computes. An argument that nobody has read is refused, so
that a model is never built almost like the original. Converters are in the folder `parts`, which is imported whole.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from torch import Tensor

from segbox.errors import ConfigError

Weights = dict[str, Tensor]
Rename = Callable[[Weights], Weights]
BATCH_NORMS = ("BN", "BN2d", "SyncBN", "MMSyncBN")  # one computation in predictions
EPS = 1e-5  # of our batch norms


@dataclass(frozen=True)
class Part:
    """Our config of a part, and the function from its tensors by mmsegmentation's names to those by ours."""

    config: dict[str, Any]
    rename: Rename
    # What the part asks of the model as a whole; parts that ask for different values cannot be in one model.
    model: Mapping[str, Any] = field(default_factory=dict)  # {"align_corners": True}
    # Of a backbone or a neck: mmsegmentation's index of each map -> ours, counted from the end (3 -> -1); several
    # indices for a map of ours that is theirs resized and concatenated: (0, 1, 2, 3) -> -1.
    levels: Mapping[int | tuple[int, ...], int] = field(default_factory=dict)
    # Of a neck: the maps that it passes on as they are, mmsegmentation's index -> ours of the backbone's maps. Our
    # auxiliary heads read the backbone's maps, those of mmsegmentation the neck's.
    passes: Mapping[int, int] = field(default_factory=dict)


class Arguments:
    """The dict of a part in an mmsegmentation config. `rest` must be empty when its converter is done.

    `earlier` are the heads before this one in a cascade.
    """

    # About training, initialization, or how batch norms are shared: nothing that predictions depend on.
    WITHOUT_EFFECT = (
        *("init_cfg", "pretrained", "norm_eval", "frozen_stages", "with_cp", "zero_init_residual", "ignore_index"),
        *("loss_decode", "sampler"),
    )
    OLD_NAMES = {"drop_out_ratio": "dropout_ratio"}  # of the first versions, which many published checkpoints carry
    # What `convert` reads for all parts.
    CENTRAL = ("type", "num_classes", "out_channels", "threshold", "align_corners")

    def __init__(self, path: str, values: Mapping[str, Any], earlier: Sequence["Arguments"] = ()) -> None:
        self.path = path  # in the original config: "model.decode_head"
        self.values = values = {self.OLD_NAMES.get(name, name): value for name, value in values.items()}
        self.earlier = tuple(earlier)
        read = (*self.WITHOUT_EFFECT, *self.CENTRAL)
        self.rest = {name: value for name, value in values.items() if name not in read}

    def take(self, name: str, default: Any = None) -> Any:
        """An argument, which counts as read."""
        self.rest.pop(name, None)
        return self.values.get(name, default)

    def expect(self, name: str, *allowed: Any) -> None:
        """Refuse an argument with another value than these; the first is mmsegmentation's default."""
        value = self.take(name, allowed[0])
        if not any(same(value, one) for one in allowed):
            known = " or ".join(map(repr, allowed))
            raise ConfigError(f"{self.path}.{name}: {value!r} has no counterpart in segbox, only {known}")

    def skip(self, *names: str) -> None:
        """Read arguments that predictions do not depend on."""
        for name in names:
            self.take(name)

    def inner(self, name: str) -> "Arguments":
        """The arguments of a part inside of this one."""
        value = self.take(name)
        if not isinstance(value, Mapping):
            raise ConfigError(f"{self.path}.{name}: expected a dict, got {value!r:.80}")
        return Arguments(f"{self.path}.{name}", value)

    def refuse_rest(self) -> None:
        if self.rest:
            raise ConfigError(f"{self.path}: segbox has no counterpart of {', '.join(self.rest)}")


def same(value: Any, other: Any) -> bool:
    """Whether two values of a config are equal; lists and tuples are not told apart."""
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(same(a, b) for a, b in zip(value, other))
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return value.keys() == other.keys() and all(same(value[name], other[name]) for name in value)
    return value == other


def is_plain_norm(config: Any) -> bool:
    """Whether a `norm_cfg` is the batch norm of our layers."""
    if not isinstance(config, Mapping) or config.get("type") not in BATCH_NORMS:
        return False
    rest = {name for name in config if name not in ("type", "requires_grad", "momentum", "eps")}
    return not rest and config.get("eps", EPS) == EPS


@dataclass(frozen=True)
class Maps:
    """The maps that a head or a neck reads: see `Part.levels`."""

    levels: Mapping[int | tuple[int, ...], int]

    def level(self, args: Arguments) -> int:
        """The index of the only map that a head reads, counted from the end as ours."""
        index = args.take("in_index", -1)
        if isinstance(index, list | tuple):
            index = tuple(index)
            args.expect("input_transform", "resize_concat")
        else:
            args.expect("input_transform", None)
        if isinstance(index, int) and index < 0:
            index += 1 + max(known for known in self.levels if isinstance(known, int))
        if index not in self.levels:
            known = ", ".join(map(str, self.levels))
            raise ConfigError(f"{args.path}.in_index: {index!r} has no counterpart among segbox's maps, only {known}")
        return self.levels[index]

    def expect_last(self, args: Arguments) -> None:
        """Refuse a head that reads another map than the last one, which is all that ours reads."""
        if self.level(args) != -1:
            raise ConfigError(f"{args.path}.in_index: segbox's head reads the last map, not {args.take('in_index')!r}")


Converter = Callable[[Arguments, Maps], Part]  # of a backbone: Maps are empty
CONVERTERS: dict[str, Converter] = {}  # by mmsegmentation's type: "ResNetV1c", "PSPHead"


# The model's dict, to one whose parts are divided as ours are, with the new beginnings of its tensors' names.
Rearrangement = Callable[[Mapping[str, Any]], tuple[dict[str, Any], dict[str, str]]]
REARRANGEMENTS: dict[str, Rearrangement] = {}  # by the type of the backbone, or of the last decode head


def rearranges(*types: str) -> Callable[[Rearrangement], Rearrangement]:
    """Register the rearrangement of models with backbones, or last decode heads, of these types."""

    def register(rearrangement: Rearrangement) -> Rearrangement:
        for name in types:
            REARRANGEMENTS[name] = rearrangement
        return rearrangement

    return register


# The dict of a head, to one that says its classes and channels in the words of other heads.
Restatement = Callable[[Mapping[str, Any]], dict[str, Any]]
RESTATEMENTS: dict[str, Restatement] = {}  # by the type of the head


def restates(*types: str) -> Callable[[Restatement], Restatement]:
    """Register the restatement of heads of these types."""

    def register(restatement: Restatement) -> Restatement:
        for name in types:
            RESTATEMENTS[name] = restatement
        return restatement

    return register


def converts(*types: str) -> Callable[[Converter], Converter]:
    """Register the converter of these types."""

    def register(converter: Converter) -> Converter:
        for name in types:
            CONVERTERS[name] = converter
        return converter

    return register


@cache
def converters() -> Mapping[str, Converter]:
    """All converters, by mmsegmentation's type."""
    from segbox.interop.mmseg import parts

    for module in pkgutil.iter_modules(parts.__path__):
        importlib.import_module(f"{parts.__name__}.{module.name}")
    return CONVERTERS


def dropout(args: Arguments) -> float:
    """The rate of a head's dropout; mmsegmentation writes none as a negative one."""
    return max(0.0, args.take("dropout_ratio", 0.1))


def renamed(weights: Weights, names: Mapping[str, str], inside: Mapping[str, str] | None = None) -> Weights:
    """Tensors with the beginnings of their names replaced: {"psp_modules.": "pyramid.levels."}. The longest beginning
    that fits is replaced; a tensor that none fits keeps its name, so it is reported as unused. What `inside` names is
    replaced anywhere; by default the norm of mmsegmentation's ConvModule: {".bn.": ".norm."}."""
    found = {}
    for name, value in weights.items():
        start = max((start for start in names if name.startswith(start)), key=len, default="")
        name = names.get(start, "") + name.removeprefix(start)
        for old, new in ({".bn.": ".norm."} if inside is None else inside).items():
            name = name.replace(old, new)
        found[name] = value
    return found
