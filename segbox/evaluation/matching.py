"""Evaluations of the same images, class by class and image by image, so that their counts can be compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from segbox.errors import DataError
from segbox.evaluation.records import Evaluation, ImageCounts

SHOWN = 3  # names in a message
Key = tuple[str, int]  # the name of an image, and which time it is there: a data set may repeat an image


def matched(evaluations: Sequence[Evaluation], names: Sequence[str], common: bool = False) -> list[Evaluation]:
    """The evaluations with the classes and the images of the first one, in its order, and its way to take means.

    Images are the same if their paths are, or, where no path is in all evaluations (other machines, moved data), if
    their paths below the innermost common folder are. With `common`, only images that are in all evaluations remain.
    """
    first = evaluations[0]
    evaluations = [with_classes_of(first, own, (names[0], name)) for own, name in zip(evaluations, names, strict=True)]
    images = keyed_images(evaluations)
    shared = set(images[0]).intersection(*images[1:])
    if not common:
        refuse_other_images(images, names)
    if not shared:
        raise DataError(f"{', '.join(names)}: have no image in common, so there is nothing to compare")
    order = [key for key in images[0] if key in shared]
    for own, name in zip(images[1:], names[1:]):
        refuse_other_labels([images[0], own], order, (names[0], name), len(first.classes))
    return [replace(own, images=[its[key] for key in order]) for own, its in zip(evaluations, images)]


def with_classes_of(first: Evaluation, other: Evaluation, names: tuple[str, str]) -> Evaluation:
    """The other evaluation with the classes of the first one, in its order."""
    if Counter(first.classes) != Counter(other.classes):
        both = zip(names, (first.classes, other.classes), (other.classes, first.classes))
        only = [f"{few(own)} only in {name}" for name, classes, rest in both if (own := missing(classes, rest))]
        raise DataError(
            f"{names[0]} and {names[1]} have other classes ({'; '.join(only)}), so their means are of different things;"
            " compare evaluations of the same classes"
        )
    number = np.array([first.classes.index(label) for label in other.classes])
    images = [replace(own, pairs=renumbered(own.pairs, number)) for own in other.images]
    means = {"absent": first.absent, "ignore_background": first.ignore_background}
    return replace(other, classes=first.classes, palette=first.palette, images=images, **means)


def renumbered(pairs: np.ndarray, number: np.ndarray) -> np.ndarray:
    return np.column_stack([number[pairs[:, 0]], number[pairs[:, 1]], pairs[:, 2]])


def keyed_images(evaluations: Sequence[Evaluation]) -> list[dict[Key, ImageCounts]]:
    """The images of each evaluation by what names them in all of them."""
    paths = [[image.path.replace("\\", "/") for image in own.images] for own in evaluations]
    if not set(paths[0]).intersection(*paths[1:]):
        paths = [below_common_folder(own) for own in paths]
    return [dict(zip(numbered(keys), own.images)) for keys, own in zip(paths, evaluations)]


def numbered(names: Sequence[str]) -> list[Key]:
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def below_common_folder(paths: Sequence[str]) -> list[str]:
    """The paths below the innermost folder that holds all of them."""
    folders = [PurePosixPath(path).parts[:-1] for path in paths]
    depth = 0
    for parts in zip(*folders):
        if len(set(parts)) > 1:
            break
        depth += 1
    return ["/".join(PurePosixPath(path).parts[depth:]) for path in paths]


def refuse_other_images(images: Sequence[dict[Key, ImageCounts]], names: Sequence[str]) -> None:
    for own, name in zip(images[1:], names[1:]):
        only = {names[0]: [key[0] for key in images[0] if key not in own]}
        only[name] = [key[0] for key in own if key not in images[0]]
        if any(only.values()):
            said = "; ".join(f"{len(keys)} only in {place} ({few(keys)})" for place, keys in only.items() if keys)
            raise DataError(
                f"{names[0]} and {name} were not evaluated on the same images: {said}. Evaluate both on the same"
                f" images, or compare the {len(images[0].keys() & own.keys())} that they have in common: --common"
            )


def refuse_other_labels(
    images: Sequence[dict[Key, ImageCounts]], order: Sequence[Key], names: tuple[str, str], classes: int
) -> None:
    """Refuse evaluations whose labels hold other pixels: corrected labels, or a mode that scores a crop."""
    for key in order:
        a, b = (
            np.bincount(own[key].pairs[:, 0], own[key].pairs[:, 2], minlength=classes).astype(np.int64)
            for own in images
        )
        if (a != b).any():
            raise DataError(
                f"{names[0]} and {names[1]} were not evaluated on the same labels: those of {key[0]} have"
                f" {a.sum()} and {b.sum()} pixels, in other numbers per class. Evaluate both again on the same labels"
                " in the same mode (`segbox test --mode`)"
            )


def missing(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return list((Counter(names) - Counter(others)).elements())


def few(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
