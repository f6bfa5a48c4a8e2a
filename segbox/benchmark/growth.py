"""`segbox bench growth`: how times grow with classes, pixels, files and worker processes."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from segbox.benchmark import evaluation, losses, samples
from segbox.benchmark.measure import FLOOR, OURS, Case, local
from segbox.data.datasets.folder import FolderDataset
from segbox.data.loader import train_loader

CLASSES = (2, 19, 75, 150)
SIDES = (128, 256, 512, 1024)
FILES = (100, 1000, 4000)
WORKERS = (0, 1, 2)
BATCHES = 4


def growth_cases() -> Iterator[Case]:
    """The name of a case is "CURVE: NUMBER"."""
    for count in CLASSES:
        yield Case(f"loss by classes: {count}", losses.own_sides(count, (128, 128), 2, "cpu"))
    for count in CLASSES:
        sides = evaluation.own_sides(count, (256, 256), (256, 256), (256, 256), "cpu")
        yield Case(f"evaluation by classes: {count}", sides)
    for side in SIDES:
        size = (side, side)
        yield Case(f"evaluation by side length: {side}", evaluation.own_sides(19, size, size, size, "cpu"))
    for count in FILES:
        yield from opened(count)
    for count in WORKERS:
        yield from loaded(count)


def opened(count: int) -> Iterator[Case]:
    """Opening a data set: its names are read, its files are not."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        samples.write_pair(root, "png", (8, 8), count)
        ours = local(OURS, lambda: len(FolderDataset(name, classes=samples.CLASSES)))
        bare = local(FLOOR, lambda: len([*zip((root / "images").iterdir(), (root / "annotations").iterdir())]))
        yield Case(f"opening by files: {count}", [ours, bare])


def loaded(workers: int) -> Iterator[Case]:
    """Some batches of a loader with worker processes, which it starts and ends."""
    with tempfile.TemporaryDirectory() as name:
        samples.write_pair(Path(name), "jpg", (256, 512), 8)
        dataset = FolderDataset(name, classes=samples.CLASSES, pipeline=samples.pipeline((128, 128)))
        side = local(OURS, lambda: load(dataset, workers), checked=False)
        yield Case(f"loading by workers: {workers}", [side], clock="wall")


def load(dataset: FolderDataset, workers: int) -> Sequence[Any]:
    with closing(iter(train_loader(dataset, 4, seed=0, workers=workers))) as batches:
        return [*islice(batches, BATCHES)]
