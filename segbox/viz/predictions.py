"""Segment image files, and write what `segbox predict --save` names."""

import glob
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from segbox.convert.polygon_files import POLYGONS, file_of_all, labelme_file, polygon_files
from segbox.data.readers.files import read_image
from segbox.errors import DataError
from segbox.evaluation.predictor import Predictor
from segbox.outputs import claim, recorded_names, write_bytes
from segbox.progress import ProgressBar
from segbox.viz.areas import area_table
from segbox.viz.certainty import as_grey, predicted_maps
from segbox.viz.overlay import colour_map, overlay, with_legend, write_image
from segbox.viz.submission import submission_path, write_submission

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
AREAS = "areas.csv"  # one for all images
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


def find_sources(source: str) -> tuple[list[Path], Path | None]:
    """The images, or the video, that `source` names. Files of a folder that segbox has written are left out."""
    path = Path(source).expanduser()
    if path.is_dir():
        return images_in(path), None
    if path.is_file():
        return ([], path) if path.suffix.lower() in VIDEO_SUFFIXES else ([path], None)
    found = sorted(Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file())
    if not found:
        raise DataError(f"{source}: there is no such file or folder, and as a pattern it matches nothing")
    return found, None


def images_in(folder: Path) -> list[Path]:
    """All images at any depth, without hidden files and files that segbox has written."""
    found, own = [], 0
    for path, _, names in os.walk(folder):
        pictures = {name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES and name[0] != "."}
        made = pictures & recorded_names(Path(path))
        found += [Path(path) / name for name in pictures - made]
        own += len(made)
    if not found:
        but = f" except {own} that segbox has written; a pattern, '{folder}/*', includes these" if own else ""
        raise DataError(f"{folder}: holds no images ({', '.join(IMAGE_SUFFIXES)}){but}")
    return sorted(found)


def predict_files(
    predictor: Predictor,
    images: Sequence[Path],
    out: Path,
    kinds: Sequence[str],
    tolerance: float = 0.0,
    min_area: int = 0,
) -> list[str]:
    """Write the predictions of all images into `out`; returns the errors of single images.

    `tolerance` and `min_area` are those of polygons (`segbox.convert.outlines`).
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
        for done, (path, name, relative) in enumerate(zip(images, names, relative_paths(images)), 1):
            try:
                label = predict_file(predictor, path, out / name, kinds)
                for table in areas:
                    table.add(relative.as_posix(), label)
                add_polygons(path, relative.as_posix(), name, label)
            except DataError as error:
                failures.append(str(error) if str(path) in str(error) else f"{path}: {error}")
            bar.show(done, path.name)
    return failures


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


def output_names(images: Sequence[Path]) -> list[Path]:
    """The shortest different names: `a` for a.png, `folder/a` if another folder has a.png too, `a.png` beside a.jpg."""
    relative = relative_paths(images)
    for names in ([Path(path.stem) for path in relative], [path.with_suffix("") for path in relative]):
        if len(set(names)) == len(names):
            return names
    return relative


def relative_paths(images: Sequence[Path]) -> list[Path]:
    """The paths below the innermost folder that holds all images."""
    common = common_folder(images)
    return [Path(os.path.abspath(path)).relative_to(common) for path in images]


def common_folder(images: Sequence[Path]) -> Path:
    return Path(*common_parts({Path(os.path.abspath(path)).parent for path in images}))


def common_parts(folders: set[Path]) -> list[str]:
    same = []
    for parts in zip(*(folder.parts for folder in folders)):
        if len(set(parts)) > 1:
            break
        same.append(parts[0])
    return same


def predict_file(predictor: Predictor, path: Path, target: Path, kinds: Sequence[str]) -> np.ndarray:
    """Write the files of one image; returns its class ids, H W."""
    image = read_image(path, predictor.channels, predictor.bits, predictor.exif)
    maps = predicted_maps(predictor, image, kinds)
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
    return label


def write_array(path: Path, array: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, array)
    write_bytes(path, content.getbuffer())


def overlay_with_legend(image: np.ndarray, label: np.ndarray, predictor: Predictor) -> np.ndarray:
    picture = overlay(image, label, predictor.palette)
    factor = max(1, 256 // max(picture.shape[:2]))  # enlarge tiny images
    picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return with_legend(picture, predictor.classes, predictor.palette, [int(i) for i in np.unique(label)])
