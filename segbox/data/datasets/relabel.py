"""Merge, drop or reorder the classes of a data set."""

from collections.abc import Mapping, Sequence

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import PairDataset
from segbox.data.datasets.wrapper import Inner, check_built
from segbox.data.palette import checked_palette
from segbox.errors import ConfigError, did_you_mean
from segbox.registry import DATASETS


@DATASETS.register(name="RelabelDataset")
def relabel(
    dataset: Inner,
    classes: Mapping[str, str | Sequence[str]] | Sequence[str],
    rest: str | None = None,
    palette: Sequence[Sequence[int]] | None = None,
) -> FolderDataset | PairDataset:
    """The data set with new classes in this order: names of its own classes, or {new name: names that it merges}.

    Classes that are not named are ignored, or become the class `rest`. A new class has the colour of its first old one.
    """
    check_built(dataset, "dataset")
    if not isinstance(dataset, FolderDataset | PairDataset):
        raise ConfigError(
            f"dataset: {type(dataset).__name__} reads no label files; RelabelDataset needs a data set of files"
        )
    parts = _parts(classes, rest, dataset.classes)
    table = np.arange(256, dtype=np.uint8)
    table[: len(dataset.classes)] = IGNORE_INDEX if rest is None else list(parts).index(rest)
    for new, ids in enumerate(parts.values()):
        table[ids] = new
    dataset.label_table = table[dataset.label_table]
    own = [dataset.palette[np.flatnonzero(table == new)[0]] for new in range(len(parts))]
    dataset.classes = tuple(parts)
    dataset.palette = own if palette is None else checked_palette(palette, len(parts))
    return dataset


def _parts(
    classes: Mapping[str, str | Sequence[str]] | Sequence[str], rest: str | None, own: Sequence[str]
) -> dict[str, list[int]]:
    """New class -> the old ids that it merges."""
    named = classes if isinstance(classes, Mapping) else {name: name for name in classes}
    parts = {new: [names] if isinstance(names, str) else list(names) for new, names in named.items()}
    taken = [name for names in parts.values() for name in names]
    unknown = next((name for name in taken if name not in own), None)
    if unknown is not None:
        raise ValueError(f"classes: the data set has no class {unknown!r}.{did_you_mean(unknown, own)}")
    twice = next((name for name in taken if taken.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"classes: {twice!r} is named more than once, and can only be one class")
    if rest is not None and (rest not in parts or len(taken) == len(own)):
        raise ValueError(f"rest={rest!r}: expected one of the new classes ({', '.join(parts)}), and a name left for it")
    empty = next((new for new, names in parts.items() if not names and new != rest), None)
    if empty is not None or not parts:
        raise ValueError(f"classes: {empty or 'none'!r} has no classes of the data set: {', '.join(own)}")
    return {new: [list(own).index(name) for name in names] for new, names in parts.items()}
