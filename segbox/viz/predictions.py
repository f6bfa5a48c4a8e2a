"""Predictions of files and videos, written as masks, colours, overlays and probabilities."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from torch import Tensor

from segbox.data.files import read_image
from segbox.engine.progress import ProgressBar
from segbox.errors import DataError, UserError, printable
from segbox.viz.overlay import as_bytes, colour_map, overlay, with_legend, write_image
from segbox.viz.submission import write_submission

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


class Predictor(Protocol):
    """What is asked of a predictor here."""

    classes: Sequence[str]
    palette: Sequence[Sequence[int]]
    channels: int
    bits: int
    exif: bool

    def class_map(self, image: np.ndarray) -> np.ndarray: ...

    def probabilities(self, image: np.ndarray) -> Tensor: ...


def find_sources(source: str, out: Path) -> tuple[list[Path], Path | None]:
    """The images that `source` means, or the video. What an earlier call wrote into `out` is no source."""
    path = Path(source).expanduser()
    if path.is_dir():
        found = sorted(
            p
            for p in path.rglob("*")
            if p.suffix.lower() in IMAGE_SUFFIXES and out.resolve() not in p.resolve().parents
        )
        if not found:
            raise DataError(f"{path}: holds no images ({', '.join(IMAGE_SUFFIXES)})")
        return found, None
    if path.is_file():
        return ([], path) if path.suffix.lower() in VIDEO_SUFFIXES else ([path], None)
    found = sorted(Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file())
    if not found:
        raise DataError(f"{source}: there is no such file or folder, and as a pattern it matches nothing")
    return found, None


def predict_files(predictor: Predictor, images: Sequence[Path], out: Path, kinds: Sequence[str]) -> None:
    """Each image's predictions, side by side in `out`."""
    bar = ProgressBar(len(images))
    for done, (path, name) in enumerate(zip(images, target_names(images)), 1):
        predict_file(predictor, path, out / name, kinds)
        bar.show(done, path.name)
    bar.clear()


def target_names(images: Sequence[Path]) -> list[Path]:
    """The shortest that differ: a.png is `a`, beside another folder's a.png `folder/a`, beside a.jpg `a.png`."""
    common = Path(*common_parts({path.parent for path in images}))
    relative = [path.relative_to(common) for path in images]
    for names in ([Path(path.stem) for path in images], [path.with_suffix("") for path in relative]):
        if len(set(names)) == len(names):
            return names
    return relative


def common_parts(folders: set[Path]) -> list[str]:
    same = []
    for parts in zip(*(folder.parts for folder in folders)):
        if len(set(parts)) > 1:
            break
        same.append(parts[0])
    return same


def predict_file(predictor: Predictor, path: Path, target: Path, kinds: Sequence[str]) -> None:
    image = read_image(path, predictor.channels, predictor.bits, predictor.exif)
    if "probs" in kinds:
        probabilities = predictor.probabilities(image)
        label = probabilities.max(dim=0).indices.numpy().astype(np.uint8)
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target.with_name(f"{target.name}_probs.npy"), probabilities.numpy().astype(np.float16))
    else:
        label = predictor.class_map(image)
    pictures = {
        "mask": lambda: label,
        "color": lambda: colour_map(label, predictor.palette),
        "overlay": lambda: overlay_with_legend(image, label, predictor),
    }
    if "submit" in kinds:
        write_submission(target.parent, Path(target.name), label, predictor.classes)
    for kind in kinds:
        if kind in pictures:
            write_image(target.with_name(f"{target.name}_{kind}.png"), pictures[kind]())


def overlay_with_legend(image: np.ndarray, label: np.ndarray, predictor: Predictor) -> np.ndarray:
    picture = overlay(image, label, predictor.palette)
    factor = max(1, 256 // max(picture.shape[:2]))  # tiny images are enlarged to be seen
    picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return with_legend(picture, predictor.classes, predictor.palette, [int(i) for i in np.unique(label)])


def predict_video(predictor: Predictor, path: Path, out: Path, kinds: Sequence[str]) -> int:
    """Overlay and colours as videos, masks as numbered PNGs; returns the number of frames."""
    for kind in ("probs", "submit"):
        if kind in kinds:
            raise UserError(f"--save {kind} is not for videos; save the frames as images")
    if (predictor.channels, predictor.bits) != (3, 8):
        kind = f"{predictor.channels} channel(s) of {predictor.bits} bits"
        raise UserError(f"{path}: a video is RGB bytes, and this model was trained on images of {kind}")
    if printable(path) != str(path):  # a crash in OpenCV, else
        raise UserError(f"{path}: OpenCV cannot open a video of that name; rename it")
    reader = cv2.VideoCapture(str(path))
    rate = reader.get(cv2.CAP_PROP_FPS) or 25.0
    bar = ProgressBar(int(reader.get(cv2.CAP_PROP_FRAME_COUNT)))
    writers: dict[str, cv2.VideoWriter] = {}
    count = 0
    out.mkdir(parents=True, exist_ok=True)
    for frame in frames(reader):
        label = predictor.class_map(frame)
        pictures = {"color": colour_map(label, predictor.palette), "overlay": overlay(frame, label, predictor.palette)}
        for kind in kinds:
            if kind == "mask":
                write_image(out / f"{path.stem}_mask" / f"{count:06d}.png", label)
                continue
            if kind not in writers:
                writers[kind] = open_video(out / f"{path.stem}_{kind}.mp4", rate, label.shape)
            writers[kind].write(cv2.cvtColor(as_bytes(pictures[kind]), cv2.COLOR_RGB2BGR))
        count += 1
        bar.show(count)
    bar.clear()
    for writer in writers.values():
        writer.release()
    if not count:
        raise DataError(f"{path}: no frame of this video can be read")
    return count


def frames(reader: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """RGB."""
    while True:
        is_read, frame = reader.read()
        if not is_read:
            reader.release()
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def open_video(path: Path, rate: float, size: tuple[int, ...]) -> cv2.VideoWriter:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, (size[1], size[0]))
    if not writer.isOpened():
        raise UserError(f"{path}: OpenCV here cannot write mp4 videos; use --save mask")
    return writer
