"""Segment videos: overlays and colours become videos, other pictures numbered PNGs, areas a table of all frames."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np

from segbox.convert.polygon_files import POLYGONS
from segbox.errors import DataError, UserError, printable
from segbox.evaluation.predictor import Predictor
from segbox.outputs import claim, new_file
from segbox.progress import ProgressBar
from segbox.viz.areas import area_table
from segbox.viz.camera import Camera, Window
from segbox.viz.certainty import as_grey, predicted_maps
from segbox.viz.overlay import Palette, as_bytes, colour_map, overlay, write_image

MAX_UNREADABLE = 250  # consecutive frames; after these the video is considered finished
MOVING: dict[str, Callable[[np.ndarray, np.ndarray, Palette], np.ndarray]] = {
    "color": lambda frame, label, palette: colour_map(label, palette),
    "overlay": overlay,
}
NUMBERED: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {  # a video would change the values
    "mask": lambda maps: maps["label"],
    "confidence": lambda maps: as_grey(maps["confidence"]),
    "entropy": lambda maps: as_grey(maps["entropy"]),
}
TOLERANCE = 0.01  # fraction of frames that the header of a sound file may announce too many


def predict_video(predictor: Predictor, path: Path, out: Path, kinds: Sequence[str]) -> tuple[int, list[str]]:
    """Returns the number of frames and the errors. Frames after a skipped one keep their numbers."""
    check_video(predictor, path, kinds)
    if printable(path) != str(path):  # OpenCV would crash
        raise UserError(f"{path}: OpenCV cannot open a video of that name; rename it")
    return predict_frames(predictor, Frames(path), out / path.stem, kinds, [path])


def predict_camera(
    predictor: Predictor, camera: Camera, out: Path, kinds: Sequence[str], window: Window | None = None
) -> tuple[int, list[str]]:
    """Like `predict_video`. The files have the time in their names: what a camera has seen cannot be repeated."""
    check_video(predictor, camera.path, kinds)
    name = f"{camera.path.replace(':', '')}_{time.strftime('%Y%m%d_%H%M%S')}"
    return predict_frames(predictor, camera, out / name, kinds, [], window)


def predict_frames(
    predictor: Predictor,
    video: "Frames | Camera",
    target: Path,
    kinds: Sequence[str],
    inputs: Sequence[Path],
    window: Window | None = None,
) -> tuple[int, list[str]]:
    """`target` is the output folder with the video's name. `window` shows the overlays."""
    videos = {kind: target.with_name(f"{target.name}_{kind}.mp4") for kind in MOVING if kind in kinds}
    folders = {kind: target.with_name(f"{target.name}_{kind}") for kind in NUMBERED if kind in kinds}
    tables = [target.with_name(f"{target.name}_areas.csv")] if "areas" in kinds else []
    numbered = [file for folder in folders.values() for file in sorted(folder.glob("[0-9]*.png"))]
    claim(((file, video.path) for file in [*videos.values(), *numbered, *tables]), inputs, folders.values())
    bar = ProgressBar(video.announced, sys.stdout if video.announced else None)
    with ExitStack() as stack:
        stack.callback(bar.clear)
        areas = [stack.enter_context(area_table(file, "frame", predictor.classes)) for file in tables]
        writers: dict[str, Writer] = {}
        for number, frame in video:
            maps = predicted_maps(predictor, frame, kinds)
            label = maps["label"]
            if window is not None:
                window.show(overlay(frame, label, predictor.palette))
            repeats = video.repeats()
            for kind, file in videos.items():
                if kind not in writers:
                    writers[kind] = stack.enter_context(new_video(file, video.rate, label.shape))
                writers[kind].write(MOVING[kind](frame, label, predictor.palette), repeats)
            for kind, folder in folders.items():
                write_image(folder / f"{number:06d}.png", NUMBERED[kind](maps))
            for table in areas:
                table.add(number, label)
            bar.show(number + 1)
        if not video.count:  # inside: then there is no table either
            raise DataError(f"{video.path}: no frame of this video can be read")
    return video.count, video.problems()


def check_video(predictor: Predictor, path: Path | str, kinds: Sequence[str]) -> None:
    for kind in ("probs", "submit", *POLYGONS):
        if kind in kinds:
            raise UserError(f"--save {kind} is not available for videos; extract the frames as images first")
    if (predictor.channels, predictor.bits) != (3, 8):
        kind = f"{predictor.channels} channel(s) of {predictor.bits} bits"
        raise UserError(f"{path}: a video is RGB bytes, and this model was trained on images of {kind}")


class Frames:
    """Iterates over (number, RGB frame) of a video. Unreadable frames are skipped and recorded in `missing`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader = cv2.VideoCapture(str(path))
        self.rate = self.reader.get(cv2.CAP_PROP_FPS) or 25.0
        self.announced = int(self.reader.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count = 0
        self.missing: list[tuple[int, int]] = []  # (first, last) of consecutive ones
        self.end = 0  # the number after the last frame

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        number = 0
        while number < max(self.announced, self.end + 1) and number - self.end <= MAX_UNREADABLE:
            is_read, frame = self.reader.read()
            if is_read:
                self.missing += [(self.end, number - 1)] if number > self.end else []
                self.count, self.end = self.count + 1, number + 1
                yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            number += 1
        self.reader.release()

    def repeats(self) -> int:
        """How often the picture of a frame is written."""
        return 1

    def problems(self) -> list[str]:
        found = [f"{self.path}: frames {first} to {last} cannot be read" for first, last in self.missing]
        if self.announced - self.end > max(1, TOLERANCE * self.announced):
            found.append(
                f"{self.path}: announces {self.announced} frames but ends after {self.end}; is the file incomplete?"
            )
        return found


class Writer:
    """Writes an mp4 video and counts its frames."""

    def __init__(self, path: Path, rate: float, size: tuple[int, ...]) -> None:
        self.writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, (size[1], size[0]))
        self.count = 0

    def write(self, picture: np.ndarray, repeats: int = 1) -> None:
        for _ in range(repeats):
            self.writer.write(cv2.cvtColor(as_bytes(picture), cv2.COLOR_RGB2BGR))
        self.count += repeats


@contextmanager
def new_video(path: Path, rate: float, size: tuple[int, ...]) -> Iterator[Writer]:
    """Write a video that gets its name when it is complete. OpenCV reports no full disk, so frames are counted."""
    with new_file(path) as partial:
        writer = Writer(partial, rate, size)
        try:
            if not writer.writer.isOpened():
                raise UserError(f"{path}: this OpenCV cannot write mp4 videos; use --save mask")
            yield writer
        finally:
            writer.writer.release()
        written = int(cv2.VideoCapture(str(partial)).get(cv2.CAP_PROP_FRAME_COUNT))
        if written != writer.count:
            raise UserError(f"{path} could not be written: {written} of {writer.count} frames; is the disk full?")
