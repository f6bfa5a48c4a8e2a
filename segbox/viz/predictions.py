"""Segment image files, and write what `segbox predict --save` names.

Threads read and write pictures while the model works on others: in the order of the images, a few at a time.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from segbox.convert.polygon_files import POLYGONS, file_of_all, labelme_file, polygon_files
from segbox.data.readers.files import read_image
from segbox.data.readers.opencv import quiet
from segbox.errors import DataError
from segbox.evaluation.batches import batches_of, in_order
from segbox.evaluation.predictor import Predictor
from segbox.machine import cores
from segbox.outputs import claim, write_bytes
from segbox.progress import ProgressBar
from segbox.viz.areas import area_table, pixels_per_class
from segbox.viz.certainty import as_grey, predicted_maps
from segbox.viz.in_threads import in_threads
from segbox.viz.overlay import colour_map, overlay, with_legend, write_image
from segbox.viz.sources import output_names, shown_names
from segbox.viz.submission import submission_path, write_submission

AREAS = "areas.csv"  # one for all images
MOST_THREADS = 4  # that read, and as many that write: each has a picture in memory


@dataclass
class Picture:
    """An image on its way: it is read, predicted, written."""

    number: int  # in the order of the images
    path: Path
    name: Path  # of its outputs, without suffix
    shown: str  # its path below the folder of all images
    image: np.ndarray | None = None
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    areas: list[int] = field(default_factory=list)  # pixels of each class
    error: str = ""
    seconds: float = 0.0


def predict_files(
    predictor: Predictor,
    images: Sequence[Path],
    out: Path,
    kinds: Sequence[str],
    tolerance: float = 0.0,
    min_area: int = 0,
    batch_size: int | None = 1,
) -> list[str]:
    """Write the predictions of all images into `out`; returns the errors of single images.

    `tolerance` and `min_area` are those of polygons (`segbox.convert.outlines`); `batch_size` is that of
    `predict_pictures`.
    """
    names = output_names(images)
    claim(planned_files(images, names, out, kinds, predictor.classes), images)
    failures = []
    bar = ProgressBar(len(images))
    with ExitStack() as stack:
        stack.callback(bar.clear)
        tables = [out / AREAS] if "areas" in kinds else []
        areas = [stack.enter_context(area_table(file, "image", predictor.classes)) for file in tables]
        add_polygons = stack.enter_context(polygon_files(out, kinds, predictor.classes, tolerance, min_area))
        pictures = numbered(images, names, shown_names(images))
        made = stack.enter_context(closing(predict_pictures(predictor, pictures, out, kinds, batch_size)))
        for done, picture in enumerate(made, 1):
            for table in areas if not picture.error else ():
                table.add_counts(picture.shown, picture.areas)
            attempt(lambda p=picture: add_polygons(p.path, p.shown, p.name, p.maps["label"]), [picture])
            if picture.error:
                failures.append(picture.error)
            bar.show(done, picture.path.name)
    return failures


def numbered(images: Iterable[Path], names: Iterable[Path], shown: Iterable[str]) -> Iterator[Picture]:
    """The pictures, made one after the other: a million of them need no memory."""
    return (Picture(i, *own) for i, own in enumerate(zip(images, names, shown)))


def predict_pictures(
    predictor: Predictor,
    pictures: Iterable[Picture],
    out: Path,
    kinds: Sequence[str],
    batch_size: int | None = 1,
) -> Iterator[Picture]:
    """Read, predict and write pictures, numbered from 0 on; they come back in order, with `areas` and
    `maps["label"]`, or with an `error`.

    `batch_size` images of one size go through the model at once; None: as many as are good for its device.
    """
    threads = min(MOST_THREADS, max(2, cores()))
    writers = 1 if "probs" in kinds else threads  # K floats for each pixel of a picture
    with quiet():
        read = in_threads(lambda picture: read_picture(predictor, picture), pictures, threads)
        batches = batches_of(read, kind_of, lambda picture: batch_size_of(predictor, picture, batch_size))
        predicted = (picture for batch in batches for picture in predict_batch(predictor, batch, kinds))
        written = in_threads(lambda picture: write_picture(predictor, picture, out, kinds), predicted, writers)
        yield from in_order(written, lambda picture: picture.number)


def attempt(work: Callable[[], object], pictures: Sequence[Picture]) -> None:
    """Do what sound pictures need next. Notes their time, and their error if it fails."""
    if pictures[0].error:
        return
    start = time.perf_counter()
    try:
        work()
    except DataError as error:
        for picture in pictures:
            own = str(picture.path)
            picture.error = str(error) if own in str(error) else f"{own}: {error}"
    for picture in pictures:
        picture.seconds += (time.perf_counter() - start) / len(pictures)


def read_picture(predictor: Predictor, picture: Picture) -> Picture:
    def work() -> None:
        picture.image = read_image(picture.path, predictor.channels, predictor.bits, predictor.exif)

    attempt(work, [picture])
    return picture


def kind_of(picture: Picture) -> tuple:
    """Pictures of one kind can be stacked. One with an error is of its own kind."""
    return (picture.number,) if picture.image is None else (picture.image.shape, picture.image.dtype)


def batch_size_of(predictor: Predictor, picture: Picture, batch_size: int | None) -> int:
    if picture.image is None:
        return 1
    return batch_size or predictor.images_per_batch(picture.image)


def predict_batch(predictor: Predictor, pictures: Sequence[Picture], kinds: Sequence[str]) -> Sequence[Picture]:
    def work() -> None:
        maps = predicted_maps(predictor, np.stack([picture.image for picture in pictures]), kinds)
        for i, picture in enumerate(pictures):
            picture.maps = {kind: values[i] for kind, values in maps.items()}

    attempt(work, pictures)
    return pictures


def write_picture(predictor: Predictor, picture: Picture, out: Path, kinds: Sequence[str]) -> Picture:
    """Write the files of a picture, and give up what only they need."""

    def work() -> None:
        label = picture.maps["label"]
        write_files(predictor, picture.image, picture.maps, out / picture.name, kinds)
        picture.areas = pixels_per_class(label, len(predictor.classes)).tolist()
        picture.maps = {"label": label}

    attempt(work, [picture])
    picture.image = None
    return picture


def planned_files(
    images: Sequence[Path], names: Sequence[Path], out: Path, kinds: Sequence[str], classes: Sequence[str]
) -> Iterator[tuple[Path, object]]:
    """Each output file and its source."""
    for path, name in zip(images, names):
        yield from ((file, path) for file in files_of(out / name, kinds, classes).values())
        if "labelme" in kinds:
            yield labelme_file(out, name), path
    if "areas" in kinds:
        yield out / AREAS, "--save areas"
    yield from ((out / file_of_all(kind), f"--save {kind}") for kind in POLYGONS if kind in kinds)


def files_of(target: Path, kinds: Sequence[str], classes: Sequence[str]) -> dict[str, Path]:
    """The output files of one image, by kind. `target` is the output folder with the image's name, without suffix."""
    files = {
        "probs": target.with_name(f"{target.name}_probs.npy"),
        "submit": submission_path(target.parent, Path(target.name), classes),
    }
    own = [kind for kind in dict.fromkeys(kinds) if kind not in ("areas", *POLYGONS)]
    return {kind: files.get(kind) or target.with_name(f"{target.name}_{kind}.png") for kind in own}


def write_files(
    predictor: Predictor, image: np.ndarray, maps: dict[str, np.ndarray], target: Path, kinds: Sequence[str]
) -> None:
    """Write the files of one image, from its maps by kind."""
    label = maps["label"]
    write: dict[str, Callable[[Path], None]] = {
        "mask": lambda file: write_image(file, label),
        "color": lambda file: write_image(file, colour_map(label, predictor.palette)),
        "overlay": lambda file: write_image(file, overlay_with_legend(image, label, predictor)),
        "probs": lambda file: write_array(file, maps["probs"].astype(np.float16)),
        "confidence": lambda file: write_image(file, as_grey(maps["confidence"])),
        "entropy": lambda file: write_image(file, as_grey(maps["entropy"])),
        "submit": lambda file: write_submission(file, label, predictor.classes),
    }
    for kind, file in files_of(target, kinds, predictor.classes).items():
        write[kind](file)


def write_array(path: Path, array: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, array)
    write_bytes(path, content.getbuffer())


def overlay_with_legend(image: np.ndarray, label: np.ndarray, predictor: Predictor) -> np.ndarray:
    picture = overlay(image, label, predictor.palette)
    factor = max(1, 256 // max(picture.shape[:2]))  # enlarge tiny images
    picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return with_legend(
        picture, predictor.classes, predictor.palette, np.flatnonzero(np.bincount(label.ravel())).tolist()
    )
