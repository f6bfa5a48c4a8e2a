"""A random split into train and val for folders without one, and its lists of names."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from segbox.data.datasets.pairs import first_few
from segbox.doctor.layout import Arguments, name_in_list
from segbox.doctor.scan import Scan
from segbox.errors import DataError, is_printable
from segbox.outputs import claim, write_text
from segbox.starter.fingerprint import VAL_SHARE

Lists = dict[str, list[str]]


def split_names(found: Scan, arguments: Arguments, seed: int = 0) -> Lists:
    """A random split into "train" and "val". Identical images are kept together, so that none is in both."""
    groups = defaultdict(list)
    for pair, index in zip(found.pairs, found.indices):
        name = name_in_list(found.dataset.pairs[index][0], arguments)
        groups[pair.image.content or name.encode()].append(name)
    unlisted = [n for group in groups.values() for n in group if n != n.strip() or not all(map(is_printable, n))]
    if unlisted:
        raise DataError(
            f"{len(unlisted)} names of images begin or end with spaces, or contain unprintable characters"
            f" ({first_few(unlisted)}), so a list cannot contain them. Rename them, or make folders train/ and val/"
        )
    if len(groups) < 2:
        raise DataError(
            f"{len(found.pairs)} picture(s), {len(groups)} of them different: a config needs two different ones,"
            " one to train on and one to validate. Add pictures"
        )
    order = [list(groups.values())[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    count = min(max(1, round(VAL_SHARE * len(order))), len(order) - 1)
    return {
        "train": sorted(name for group in order[count:] for name in group),
        "val": sorted(name for group in order[:count] for name in group),
    }


def list_paths(names: Lists, root: Path | None, out: Path) -> dict[str, Path]:
    """The files of the lists: in the folder of the data, or beside the config."""
    if root is not None:
        return {split: root / "splits" / f"{split}.txt" for split in names}
    return {split: out.with_name(f"{out.stem}_{split}.txt") for split in names}


def arguments_of(every: Arguments, names: Lists, is_inside: bool) -> dict[str, Arguments]:
    """The arguments of both data sets; with their lists if these are in the folder of the data."""
    return {split: {**every, "split_file": f"splits/{split}.txt"} if is_inside else dict(every) for split in names}


def write_lists(names: Lists, paths: dict[str, Path]) -> None:
    """Write the lists; files that are there and differ are not written over."""
    claim((path, f"the list {path}") for path in paths.values())
    for split, path in paths.items():
        write_text(path, "\n".join(names[split]) + "\n")
