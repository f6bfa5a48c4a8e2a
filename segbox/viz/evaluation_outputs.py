"""Files that an evaluation writes while it runs: pictures of all images, or of the worst ones; predictions."""

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
from segbox.viz.sources import output_names
from segbox.viz.submission import submission_path, write_submission

OutputFiles = Iterator[tuple[Path, str]]  # (file to write, path of its image)
WITH_IOU = re.compile(r"\d{3}\.\d{2}_(.*\.png)", re.DOTALL)


class OutputNames:
    """Names of output files by image path: without suffix, with folders only where needed.

    For data sets that do not list their files, a name is made when its image is evaluated.
    """

    def __init__(self, known: Mapping[str, Path] | None = None) -> None:
        self.known = known or {}
        self.used: dict[Path, str] = {}

    def of(self, item: Item) -> Path:
        path = item["path"]
        if path in self.known:
            return self.known[path]
        name = Path(Path(path).stem)
        if self.used.setdefault(name, path) != path:
            raise DataError(f"{path}: has the same name as {self.used[name]}, for which a file was already written")
        return name

    def check(self, item: Item, file: Path) -> None:
        """Refuse to overwrite a foreign file. Names known at the start were checked then."""
        if item["path"] not in self.known and os.path.lexists(file):
            refuse_others([file])


class PictureWriter:
    """Writes image, target and prediction of every image into a folder, under the image's name."""

    def __init__(self, folder: Path, classes: Sequence[str], palette: Palette, names: OutputNames) -> None:
        self.folder = folder
        self.classes = classes
        self.palette = palette
        self.names = names

    def files(self) -> OutputFiles:
        return ((self.path(name), image) for image, name in self.names.known.items())

    def path(self, name: Path) -> Path:
        return self.folder / name.parent / f"{name.name}.png"

    def __call__(self, item: Item, prediction: Tensor) -> None:
        self.write(item, prediction, self.path(self.names.of(item)))

    def write(self, item: Item, prediction: Tensor, path: Path) -> None:
        self.names.check(item, path)
        target = item["label"].numpy()
        image = np.ascontiguousarray(item["image"].numpy().transpose(1, 2, 0))
        if image.shape[:2] != target.shape:
            image = cv2.resize(image, target.shape[::-1])
            image = image if image.ndim == 3 else image[..., None]
        write_image(path, comparison(image, target, prediction.numpy(), self.classes, self.palette))


class WorstPictureWriter:
    """Keeps the pictures of the `count` images of lowest IoU; file names begin with the IoU, so they sort by it.

    A picture is written when its image is among the worst so far, and deleted when it no longer is. All are in one
    folder (`x/1` becomes `x_1`), unless two images would get the same name.
    """

    def __init__(self, pictures: PictureWriter, count: int) -> None:
        self.pictures = pictures
        self.count = count
        self.kept: list[tuple[float, str]] = []  # (-IoU, file); the one with the highest IoU first
        joined = ["_".join(name.parts) for name in pictures.names.known.values()]
        self.is_flat = len(set(joined)) == len(joined)

    def files(self) -> OutputFiles:
        """Pictures of earlier evaluations. Which ones this evaluation writes depends on its scores."""
        named = {self.path(name, ""): image for image, name in self.pictures.names.known.items()}
        folders = {path.parent for path in named}
        for path in (path for folder in folders if folder.is_dir() for path in folder.iterdir()):
            found = WITH_IOU.fullmatch(path.name)
            if found and path.with_name(found[1]) in named:
                yield path, named[path.with_name(found[1])]

    def path(self, name: Path, prefix: str) -> Path:
        name = Path("_".join(name.parts)) if self.is_flat else name
        return self.pictures.folder / name.parent / f"{prefix}{name.name}.png"

    def __call__(self, item: Item, prediction: Tensor) -> None:
        value = mean_iou(known_pairs(prediction, item["label"], len(self.pictures.classes)))
        if value != value or (len(self.kept) == self.count and -value <= self.kept[0][0]):
            return
        path = self.path(self.pictures.names.of(item), f"{value:06.2f}_")
        if (-value, str(path)) in self.kept:  # a wrapper may repeat an image
            return
        self.pictures.write(item, prediction, path)
        heapq.heappush(self.kept, (-value, str(path)))
        if len(self.kept) > self.count:
            Path(heapq.heappop(self.kept)[1]).unlink()

    def finish(self) -> None:
        """Delete all but the worst pictures of all processes."""
        kept = sorted({own for part in distributed.gather(self.kept) for own in part})
        if distributed.is_main():
            for _, path in kept[: -self.count]:
                Path(path).unlink(missing_ok=True)  # two processes may have evaluated the same image


class SubmissionWriter:
    """Writes every prediction in the format of the data set's test server."""

    def __init__(self, folder: Path, classes: Sequence[str], names: OutputNames) -> None:
        self.folder = folder
        self.classes = classes
        self.names = names

    def files(self) -> OutputFiles:
        return ((self.path(name), image) for image, name in self.names.known.items())

    def path(self, name: Path) -> Path:
        return submission_path(self.folder, name, self.classes)

    def __call__(self, item: Item, prediction: Tensor) -> None:
        path = self.path(self.names.of(item))
        self.names.check(item, path)
        write_submission(path, prediction.numpy(), self.classes)


class EvaluationOutputs:
    """Passes each image and prediction to the writers. Errors of single files are collected until the end."""

    def __init__(self, writers: Sequence[PictureWriter | WorstPictureWriter | SubmissionWriter]) -> None:
        self.writers = writers
        self.failures: list[str] = []

    def __call__(self, item: Item, prediction: Tensor) -> None:
        for writer in self.writers:
            try:
                writer(item, prediction)
            except DataError as error:
                self.failures.append(str(error))

    def finish(self) -> list[str]:
        """The errors of all processes."""
        for writer in self.writers:
            if isinstance(writer, WorstPictureWriter):
                writer.finish()
        return [failure for part in distributed.gather(self.failures) for failure in part]


def evaluation_outputs(
    dataset: SegDataset, show_dir: str | None, worst: int | None, submit: str | None, others: Sequence[Path] = ()
) -> EvaluationOutputs:
    """The outputs that a user asked for. Their files, and `others` written after them, are claimed now."""
    known = short_names(dataset) if show_dir or submit else {}
    writers: list[PictureWriter | WorstPictureWriter | SubmissionWriter] = []
    if show_dir:
        pictures = PictureWriter(Path(show_dir), dataset.classes, dataset.palette, OutputNames(known))
        writers.append(pictures if worst is None else WorstPictureWriter(pictures, worst))
    if submit:
        writers.append(SubmissionWriter(Path(submit), dataset.classes, OutputNames(known)))
    files = chain(*(writer.files() for writer in writers), ((path, "the scores") for path in others))
    claim(files, files_of(dataset), [Path(folder) for folder in (show_dir, submit) if folder])
    return EvaluationOutputs(writers)


def short_names(dataset: SegDataset) -> dict[str, Path]:
    """The shortest different names of a data set's images: with folders only where file names repeat."""
    paths = list(dict.fromkeys(image for image, _ in pairs_of(dataset)))  # a wrapper may repeat an image
    return {str(path): name for path, name in zip(paths, output_names(paths) if paths else ())}


def files_of(dataset: SegDataset) -> Iterator[Path]:
    return chain.from_iterable(pairs_of(dataset))


def pairs_of(dataset: SegDataset) -> Iterator[tuple[Path, Path]]:
    """The files of images and labels, where the data set lists them."""
    items = (unwrap(dataset, index) for index in range(len(dataset)))
    return (own.files(index) for own, index in items if isinstance(own, PairDataset | FolderDataset))
