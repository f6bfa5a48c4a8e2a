"""What is written of an evaluation while it runs: pictures of all images, or of the worst; predictions."""

import heapq
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from segbox import distributed
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import PairDataset
from segbox.data.datasets.wrapper import unwrap
from segbox.data.sample import Item
from segbox.errors import DataError
from segbox.evaluation.image_iou import mean_iou
from segbox.evaluation.metrics import known_pairs
from segbox.outputs import claim, refuse_others
from segbox.viz.overlay import Palette, comparison, write_image
from segbox.viz.predictions import target_names
from segbox.viz.submission import submission_path, write_submission

Targets = Iterator[tuple[Path, str]]  # files, and the images that they are of
WITH_IOU = re.compile(r"\d{3}\.\d{2}_(.*\.png)", re.DOTALL)


class ImageNames:
    """The names of a data set's images, by their paths: without suffix, with folders where they are needed.

    Where a data set does not list its files, the name of an image is made when the image comes.
    """

    def __init__(self, known: Mapping[str, Path] | None = None) -> None:
        self.known = known or {}
        self.met: dict[Path, str] = {}

    def of(self, item: Item) -> Path:
        path = item["path"]
        if path in self.known:
            return self.known[path]
        name = Path(Path(path).stem)
        if self.met.setdefault(name, path) != path:
            raise DataError(f"{path}: has the name of {self.met[name]}, of which a file is written already")
        return name

    def check(self, item: Item, target: Path) -> None:
        """Before a file is written that could not be claimed at the start."""
        if item["path"] not in self.known and os.path.lexists(target):
            refuse_others([target])


class PictureWriter:
    """Writes image, truth and prediction of every image into a folder, under the image's name."""

    def __init__(self, folder: Path, classes: Sequence[str], palette: Palette, names: ImageNames) -> None:
        self.folder = folder
        self.classes = classes
        self.palette = palette
        self.names = names

    def targets(self) -> Targets:
        return ((self.path(name), image) for image, name in self.names.known.items())

    def path(self, name: Path) -> Path:
        return self.folder / name.parent / f"{name.name}.png"

    def __call__(self, item: Item, guess: Tensor) -> None:
        self.write(item, guess, self.path(self.names.of(item)))

    def write(self, item: Item, guess: Tensor, path: Path) -> None:
        self.names.check(item, path)
        truth = item["label"].numpy()
        image = np.ascontiguousarray(item["image"].numpy().transpose(1, 2, 0))
        if image.shape[:2] != truth.shape:
            image = cv2.resize(image, truth.shape[::-1])
            image = image if image.ndim == 3 else image[..., None]
        write_image(path, comparison(image, truth, guess.numpy(), self.classes, self.palette))


class WorstPictures:
    """Keeps the pictures of the `count` images of lowest IoU; their file names begin with it, so they sort by it.

    A picture is written when its image is among the worst so far, and taken away when it no longer is. All lie in one
    folder, `x/1` as `x_1`, unless two images then had one name.
    """

    def __init__(self, pictures: PictureWriter, count: int) -> None:
        self.pictures = pictures
        self.count = count
        self.kept: list[tuple[float, str]] = []  # the least bad one first: (-IoU, file)
        joined = ["_".join(name.parts) for name in pictures.names.known.values()]
        self.is_flat = len(set(joined)) == len(joined)

    def targets(self) -> Targets:
        """Those of earlier evaluations: which ones this one writes depends on its scores."""
        named = {self.path(name, ""): image for image, name in self.pictures.names.known.items()}
        folders = {path.parent for path in named}
        for path in (path for folder in folders if folder.is_dir() for path in folder.iterdir()):
            found = WITH_IOU.fullmatch(path.name)
            if found and path.with_name(found[1]) in named:
                yield path, named[path.with_name(found[1])]

    def path(self, name: Path, prefix: str) -> Path:
        name = Path("_".join(name.parts)) if self.is_flat else name
        return self.pictures.folder / name.parent / f"{prefix}{name.name}.png"

    def __call__(self, item: Item, guess: Tensor) -> None:
        value = mean_iou(known_pairs(guess, item["label"], len(self.pictures.classes)))
        if value != value or (len(self.kept) == self.count and -value <= self.kept[0][0]):
            return
        path = self.path(self.pictures.names.of(item), f"{value:06.2f}_")
        if (-value, str(path)) in self.kept:  # a wrapper may deal an image twice
            return
        self.pictures.write(item, guess, path)
        heapq.heappush(self.kept, (-value, str(path)))
        if len(self.kept) > self.count:
            Path(heapq.heappop(self.kept)[1]).unlink()

    def finish(self) -> None:
        """Of the pictures of all processes, the worst remain."""
        kept = sorted({own for part in distributed.gather(self.kept) for own in part})
        if distributed.is_main():
            for _, path in kept[: -self.count]:
                Path(path).unlink(missing_ok=True)  # two processes may have had one image


class SubmissionWriter:
    """Writes every prediction as the data set's official server takes it."""

    def __init__(self, folder: Path, classes: Sequence[str], names: ImageNames) -> None:
        self.folder = folder
        self.classes = classes
        self.names = names

    def targets(self) -> Targets:
        return ((self.path(name), image) for image, name in self.names.known.items())

    def path(self, name: Path) -> Path:
        return submission_path(self.folder, name, self.classes)

    def __call__(self, item: Item, guess: Tensor) -> None:
        path = self.path(self.names.of(item))
        self.names.check(item, path)
        write_submission(path, guess.numpy(), self.classes)


class Watchers:
    """All that sees the images of an evaluation. What is wrong with single files is kept for the end."""

    def __init__(self, watches: Sequence[PictureWriter | WorstPictures | SubmissionWriter]) -> None:
        self.watches = watches
        self.failures: list[str] = []

    def __call__(self, item: Item, guess: Tensor) -> None:
        for watch in self.watches:
            try:
                watch(item, guess)
            except DataError as error:
                self.failures.append(str(error))

    def finish(self) -> list[str]:
        """What could not be written, by all processes."""
        for watch in self.watches:
            if isinstance(watch, WorstPictures):
                watch.finish()
        return [failure for part in distributed.gather(self.failures) for failure in part]


def watchers(
    dataset: SegDataset, show_dir: str | None, worst: int | None, submit: str | None, others: Sequence[Path] = ()
) -> Watchers:
    """As a user asks for them. Their files, and `others` that are written after them, are claimed at once."""
    known = short_names(dataset) if show_dir or submit else {}
    watches: list[PictureWriter | WorstPictures | SubmissionWriter] = []
    if show_dir:
        pictures = PictureWriter(Path(show_dir), dataset.classes, dataset.palette, ImageNames(known))
        watches.append(pictures if worst is None else WorstPictures(pictures, worst))
    if submit:
        watches.append(SubmissionWriter(Path(submit), dataset.classes, ImageNames(known)))
    targets = chain(*(watch.targets() for watch in watches), ((path, "the scores") for path in others))
    claim(targets, files_of(dataset), [Path(folder) for folder in (show_dir, submit) if folder])
    return Watchers(watches)


def short_names(dataset: SegDataset) -> dict[str, Path]:
    """The shortest names that tell a data set's images apart: with folders only where file names repeat."""
    paths = list(dict.fromkeys(image for image, _ in pairs_of(dataset)))  # a wrapper may deal an image twice
    return {str(path): name for path, name in zip(paths, target_names(paths) if paths else ())}


def files_of(dataset: SegDataset) -> Iterator[Path]:
    return chain.from_iterable(pairs_of(dataset))


def pairs_of(dataset: SegDataset) -> Iterator[tuple[Path, Path]]:
    """The images and labels of a data set that lists its files."""
    places = (unwrap(dataset, index) for index in range(len(dataset)))
    return (own.files(index) for own, index in places if isinstance(own, PairDataset | FolderDataset))
