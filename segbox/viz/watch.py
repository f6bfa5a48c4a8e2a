"""What is written of an evaluation while it runs: pictures of all images, or of the worst; predictions."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from segbox import distributed
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import PairDataset
from segbox.data.datasets.wrapper import innermost
from segbox.data.sample import Item
from segbox.engine.evaluation import Watch
from segbox.engine.image_iou import mean_iou
from segbox.engine.metrics import known_pairs
from segbox.viz.overlay import Palette, comparison, write_image
from segbox.viz.predictions import target_names
from segbox.viz.submission import write_submission


class PictureWriter:
    """Writes image, truth and prediction of every image into a folder, under the image's name."""

    def __init__(
        self, folder: Path, classes: Sequence[str], palette: Palette, names: Mapping[str, Path] | None = None
    ) -> None:
        self.folder = folder
        self.classes = classes
        self.palette = palette
        self.names = names or {}

    def __call__(self, item: Item, guess: Tensor) -> None:
        name = name_of(item, self.names)
        self.write(item, guess, self.folder / name.parent / f"{name.name}.png")

    def write(self, item: Item, guess: Tensor, path: Path) -> None:
        truth = item["label"].numpy()
        image = np.ascontiguousarray(item["image"].numpy().transpose(1, 2, 0))
        if image.shape[:2] != truth.shape:
            image = cv2.resize(image, truth.shape[::-1])
            image = image if image.ndim == 3 else image[..., None]
        write_image(path, comparison(image, truth, guess.numpy(), self.classes, self.palette))


class WorstPictures:
    """Keeps the pictures of the `count` images of lowest IoU; their file names begin with it, so they sort by it.

    A picture is written when its image is among the worst so far, and taken away when it no longer is.
    """

    def __init__(self, pictures: PictureWriter, count: int) -> None:
        self.pictures = pictures
        self.count = count
        self.kept: list[tuple[float, str]] = []  # the least bad one first: (-IoU, file)

    def __call__(self, item: Item, guess: Tensor) -> None:
        value = mean_iou(known_pairs(guess, item["label"], len(self.pictures.classes)))
        if value != value or (len(self.kept) == self.count and -value <= self.kept[0][0]):
            return
        path = self.pictures.folder / f"{value:06.2f}_{'_'.join(name_of(item, self.pictures.names).parts)}.png"
        self.pictures.write(item, guess, path)
        heapq.heappush(self.kept, (-value, str(path)))
        if len(self.kept) > self.count:
            Path(heapq.heappop(self.kept)[1]).unlink()

    def finish(self) -> None:
        """Of the pictures of all processes, the worst remain."""
        kept = sorted(own for part in distributed.gather(self.kept) for own in part)
        if distributed.is_main():
            for _, path in kept[: -self.count]:
                Path(path).unlink()


class SubmissionWriter:
    """Writes every prediction as the data set's official server takes it."""

    def __init__(self, folder: Path, classes: Sequence[str], names: Mapping[str, Path]) -> None:
        self.folder = folder
        self.classes = classes
        self.names = names

    def __call__(self, item: Item, guess: Tensor) -> None:
        write_submission(self.folder, name_of(item, self.names), guess.numpy(), self.classes)


def name_of(item: Item, names: Mapping[str, Path]) -> Path:
    """The image's name, without suffix."""
    return names.get(item["path"], Path(Path(item["path"]).stem))


def short_names(dataset: SegDataset) -> dict[str, Path]:
    """The shortest names that tell a data set's images apart: with folders only where file names repeat."""
    places = [innermost(dataset, index) for index in range(len(dataset))]
    paths = [own.files(index)[0] for own, index in places if isinstance(own, PairDataset | FolderDataset)]
    paths = list(dict.fromkeys(paths))  # a wrapper may deal an image twice
    return {str(path): name for path, name in zip(paths, target_names(paths) if paths else ())}


def watchers(
    dataset: SegDataset, show_dir: str | None, worst: int | None, submit: str | None
) -> tuple[Watch | None, Callable[[], None]]:
    """What sees each image of an evaluation, as a user asks for it, and what is to be called at its end."""
    names = short_names(dataset) if show_dir or submit else {}
    watches: list[Watch] = []
    finish = [lambda: None]
    if show_dir:
        pictures = PictureWriter(Path(show_dir), dataset.classes, dataset.palette, names)
        watches.append(pictures if worst is None else WorstPictures(pictures, worst))
        finish += [] if worst is None else [watches[-1].finish]
    if submit:
        watches.append(SubmissionWriter(Path(submit), dataset.classes, names))

    def watch(item: Item, guess: Tensor) -> None:
        for own in watches:
            own(item, guess)

    return watch if watches else None, finish[-1]
