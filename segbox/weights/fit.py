"""How the tensors of a file fit a model, and the report of what does not."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from segbox.errors import CheckpointError, did_you_mean, printable

LONGEST_NAME = 200  # of a tensor, in a report
ROWS = 6  # of each kind, in a report
COUNTERS = "num_batches_tracked"  # not a weight, and missing in files of old PyTorch versions


@dataclass
class Fit:
    """How the tensors of a file fit a model."""

    fitting: list[str] = field(default_factory=list)
    resized: list[tuple[str, tuple, tuple]] = field(default_factory=list)  # name, shape in the file, in the model
    missing: list[str] = field(default_factory=list)  # in the model, not in the file
    unused: list[str] = field(default_factory=list)  # in the file, not in the model

    def is_perfect(self) -> bool:
        return not (self.resized or self.missing or self.unused)

    def has_weights(self) -> bool:
        """Whether more fits than counters, mean and std, which all models have."""
        return any(not name.endswith(COUNTERS) and name not in ("mean", "std") for name in self.fitting)

    def unfitting(self) -> list[str]:
        return [*(name for name, _, _ in self.resized), *self.missing, *self.unused]

    def report(self) -> str:
        """The counts, then a line for each module, or tensor, that does not fit."""
        shapes = {name: (theirs, own) for name, theirs, own in self.resized}
        fitting = [name for name in self.fitting if not name.endswith(COUNTERS)]
        lines = [
            f"{len(self.fitting)} tensors fit, {len(self.resized)} have another shape, {len(self.missing)} are missing,"
            f" {len(self.unused)} are not used"
        ]
        lines += rows("another shape", grouped(shapes, [*fitting, *self.missing]), shapes)
        lines += rows("missing in the file", grouped(self.missing, [*fitting, *shapes]))
        lines += rows("not in the model", grouped(self.unused, [*fitting, *shapes]))
        return "\n".join(lines)


def compare(model: nn.Module, weights: Mapping[str, Tensor]) -> Fit:
    fit = Fit()
    own = model.state_dict()
    for name, value in weights.items():
        if name not in own:
            fit.unused.append(name)
        elif own[name].shape != value.shape:
            fit.resized.append((name, tuple(value.shape), tuple(own[name].shape)))
        else:
            fit.fitting.append(name)
    absent = [name for name in own if name not in weights and not name.endswith(COUNTERS)]
    fit.missing = [
        name for name in absent if name not in getattr(model, "mean_std_sources", ())
    ]  # files of other toolboxes have none
    return fit


def check_parts(model: nn.Module, weights: Mapping[str, Tensor], parts: Sequence[str], source: object) -> None:
    """Refuse names of parts that neither the model nor the file has."""
    names = {*model.state_dict(), *weights}
    known = names | {module for name in names for module in modules_of(name)}
    for part in parts:
        if part not in known:
            raise CheckpointError(
                f"{source}: {part!r}, which may be missing, names no part of the model or of the file."
                f"{did_you_mean(part, known)}"
            )


def is_part(name: str, parts: Sequence[str]) -> bool:
    """Whether a tensor is one of these parts, or inside one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def grouped(names: Collection[str], others: Iterable[str]) -> dict[str, list[str]]:
    """The names by the largest modules that hold none of the `others`: {"decode_head.*": [...]}."""
    mixed = {module for name in others for module in modules_of(name)}
    groups: dict[str, list[str]] = {}
    for name in names:
        module = next((module for module in modules_of(name) if module not in mixed), None)
        groups.setdefault(name if module is None else f"{module}.*", []).append(name)
    return {own[0] if len(own) == 1 else group: own for group, own in groups.items()}


def modules_of(name: str) -> Iterator[str]:
    """The modules that a tensor is in, from the outermost: "a" and "a.b" of "a.b.weight"."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def rows(why: str, groups: Mapping[str, Sequence[str]], shapes: Mapping[str, tuple] = {}) -> list[str]:
    """The lines of one kind of a report, at most `ROWS`."""
    lines = []
    for group, names in list(groups.items())[:ROWS]:
        text = f"  {why}: {printable(group[:LONGEST_NAME])}"
        if len(names) > 1:
            text += f", {len(names)} tensors"
        if names[0] in shapes:
            theirs, own = map(size, shapes[names[0]])
            such = f", such as {names[0].removeprefix(group[:-1])}" if len(names) > 1 else ""
            text += f"{such}: {theirs} in the file, {own} in the model"
        lines.append(text)
    left = len(groups) - ROWS
    return [*lines, f"  {why}: {left} more"] if left > 0 else lines


def size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
