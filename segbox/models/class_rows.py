"""Weights for other classes than a file's: the rows of classifiers move to the classes of the same name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segbox.models.head_builder import HeadBuilder


@dataclass(frozen=True)
class Match:
    """The classes of a file and of a model that have the same name: their ids in pairs."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]  # (id in the file, id in the model)

    def is_identity(self) -> bool:
        return len(self.theirs) == len(self.ours) == len(self.pairs) and all(a == b for a, b in self.pairs)

    def with_no_object(self) -> "Match":
        """With one class more on both sides, the last one."""
        last = (len(self.theirs), len(self.ours))
        return Match((*self.theirs, "no object"), (*self.ours, "no object"), (*self.pairs, last))

    def __str__(self) -> str:
        new = [name for i, name in enumerate(self.ours) if i not in {own for _, own in self.pairs}]
        left = [name for i, name in enumerate(self.theirs) if i not in {their for their, _ in self.pairs}]
        moved = f"{len(self.pairs)} of {len(self.ours)} classes have the rows of the same name"
        begun = f"; {few(new)} begin anew" if new else ""
        return moved + begun + (f"; {few(left)} of the file are not used" if left else "")


def match_classes(theirs: Sequence[str], ours: Sequence[str]) -> Match:
    """The classes of the same name: "traffic light" is "Traffic_Light"."""
    keys = [plain_name(name) for name in theirs], [plain_name(name) for name in ours]
    if any(len(set(own)) < len(own) for own in keys):  # "car" and "Car" are two classes here
        keys = list(theirs), list(ours)
    ids = {name: i for i, name in enumerate(keys[0])}
    pairs = tuple((ids[name], i) for i, name in enumerate(keys[1]) if name in ids)
    return Match(tuple(theirs), tuple(ours), pairs)


def plain_name(name: str) -> str:
    """A class name without case, spaces, hyphens and underscores."""
    return "".join(letter for letter in name.casefold() if letter not in " -_")


def move_rows(model: nn.Module, weights: Mapping[str, Tensor], match: Match) -> tuple[dict[str, Tensor], list[str]]:
    """The weights with the rows of the model's classes, and the names of the tensors that were changed.

    In every tensor of the heads, the entries along a dimension of classes move, or those at the end of a dimension that
    other channels begin (PointRend's points know their coarse logits); classes that the file does not have
    keep the model's own values. So do tensors of another dependence on the classes, and binary heads of one channel:
    its sign says which class is the second. Tensors of heads of another form stay as they are. "No object", the last
    class of a head that predicts masks, has the same name everywhere.
    """
    own = model.state_dict()
    changed = {}
    for prefix, builder in heads_of(model).items():
        classes = match.with_no_object() if builder.makes_masks else match
        for name, dimensions in class_dimensions(builder, len(match.ours)).items():
            value, mine = weights.get(prefix + name), own[prefix + name]
            if value is None or not is_plain(value):
                continue
            if builder.is_binary or dimensions is None:
                changed[prefix + name] = mine.detach().clone() if value.shape == mine.shape else value
            elif list(value.shape) == shape_of_theirs(mine, dimensions, classes):
                changed[prefix + name] = rows_by_name(value, mine, dimensions, classes)
    return {**weights, **changed}, list(changed)


def heads_of(model: nn.Module) -> dict[str, HeadBuilder]:
    """The builders of the heads by the beginning of the names of their tensors."""
    auxiliary = len(getattr(model, "auxiliary_heads", ()))
    prefixes = ["decode_head.", *(f"auxiliary_heads.{i}." for i in range(auxiliary))]
    return dict(zip(prefixes, getattr(model, "head_builders", ())))


def class_dimensions(builder: HeadBuilder, num_classes: int) -> dict[str, tuple[int, ...] | None]:
    """Of the tensors of a head whose shape depends on the number of classes, the dimensions that are, or end in, one
    entry per class (and one for "no object"); None if another dimension depends on it, too."""
    channels = builder.channels(num_classes)
    shapes, larger = builder.shapes(channels), builder.shapes(channels + 1)
    entries = channels + builder.makes_masks
    return {
        name: dimensions_of(shape, larger.get(name, torch.Size()), entries)
        for name, shape in shapes.items()
        if shape != larger.get(name)
    }


def dimensions_of(shape: torch.Size, larger: torch.Size, entries: int) -> tuple[int, ...] | None:
    grown = tuple(i for i, (n, m) in enumerate(zip(shape, larger)) if n != m)
    is_clean = len(shape) == len(larger) and all(shape[i] >= entries and larger[i] == shape[i] + 1 for i in grown)
    return grown if is_clean else None


def shape_of_theirs(own: Tensor, dimensions: tuple[int, ...], match: Match) -> list[int]:
    more = len(match.theirs) - len(match.ours)
    return [n + more if i in dimensions else n for i, n in enumerate(own.shape)]


def rows_by_name(value: Tensor, own: Tensor, dimensions: tuple[int, ...], match: Match) -> Tensor:
    """The model's tensor with the file's entries of the classes of the same name."""
    result = own.detach().clone().to(value.device)
    front = tuple(range(len(dimensions)))
    pairs = [pairs_of(own.shape[i] - len(match.ours), match, value.device) for i in dimensions]
    theirs, ours = (torch.meshgrid(*ids, indexing="ij") for ids in zip(*pairs))
    result.movedim(dimensions, front)[ours] = value.movedim(dimensions, front)[theirs].to(own.dtype)
    return result


def pairs_of(others: int, match: Match, device: torch.device) -> tuple[Tensor, Tensor]:
    """Theirs and ours along a dimension of `others` entries, which stay, and the classes."""
    stay = torch.arange(others, device=device)
    theirs, ours = torch.tensor(match.pairs, dtype=torch.long, device=device).view(-1, 2).T
    return torch.cat([stay, others + theirs]), torch.cat([stay, others + ours])


def is_plain(value: Tensor) -> bool:
    return value.is_floating_point() and value.layout == torch.strided and not value.is_meta and not value.is_quantized


def few(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
