"""What an evaluation leaves behind: the counts of every image, in evaluation.json.

All scores of a confusion matrix, their uncertainty and the worst images can be computed again from them, without the
model and the images.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segbox.errors import DataError, short
from segbox.outputs import write_text

EVALUATION = "evaluation.json"
BEST_EVALUATION = "evaluation_best.json"  # that of best.pt, in a work dir
KEY = "segbox_evaluation"  # of the format number, which marks the files
FORMAT = 1
WINDOW = re.compile(r"@\d+-\d+,\d+-\d+(?=(\.[^./\\]*)?\Z)")  # in the path of a window of a raster


@dataclass(frozen=True, eq=False)
class ImageCounts:
    """The pixels of one image as rows (target, guess, pixels), one for each pair of classes that occurs."""

    path: str
    pairs: np.ndarray

    @classmethod
    def of(cls, path: str, counts: np.ndarray) -> "ImageCounts":
        """From the confusion matrix of the image."""
        targets, guesses = counts.nonzero()
        return cls(path, np.stack([targets, guesses, counts[targets, guesses]], axis=1).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of a model on a data set, and the counts of every image, ordered by path.

    `absent` and `ignore_background` are those of the metric: they say how means over classes are taken.
    """

    classes: Sequence[str]
    palette: Sequence[Sequence[int]]
    protocol: str
    scores: Mapping[str, float]
    images: Sequence[ImageCounts]
    checkpoint: str = ""
    step: int | None = None
    absent: float | None = None
    ignore_background: bool = False

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels of each image and class, N x K each: correct ones (hits), those in the labels (targets), and those in
        the predictions (guesses)."""
        shape = len(self.images), len(self.classes)
        hits, targets, guesses = (np.zeros(shape, np.int64) for _ in range(3))
        if self.images:
            number = np.repeat(np.arange(len(self.images)), [len(image.pairs) for image in self.images])
            target, guess, pixels = np.concatenate([image.pairs for image in self.images]).T
            is_hit = target == guess
            np.add.at(hits, (number[is_hit], target[is_hit]), pixels[is_hit])
            np.add.at(targets, (number, target), pixels)
            np.add.at(guesses, (number, guess), pixels)
        return hits, targets, guesses

    def counts(self) -> np.ndarray:
        """The confusion matrix of all images: K x K, a row per target class."""
        total = np.zeros((len(self.classes), len(self.classes)), np.int64)
        for image in self.images:
            target, guess, pixels = image.pairs.T
            total[target, guess] += pixels  # each pair is there once
        return total

    def write(self, path: Path) -> None:
        """Write evaluation.json. Call `outputs.claim` for it before."""
        content = {
            KEY: FORMAT,
            "checkpoint": self.checkpoint,
            "step": self.step,
            "protocol": self.protocol,
            "classes": list(self.classes),
            "palette": [list(map(int, colour)) for colour in self.palette],
            "absent": self.absent,
            "ignore_background": self.ignore_background,
            "scores": {name: None if value != value else value for name, value in self.scores.items()},  # no NaN
            "images": [{"path": image.path, "pairs": image.pairs.ravel().tolist()} for image in self.images],
        }
        write_text(path, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Evaluation":
        content = read_content(path)
        try:
            return cls(
                classes=tuple(map(checked_text, content["classes"])),
                palette=tuple((int(red), int(green), int(blue)) for red, green, blue in content["palette"]),
                protocol=checked_text(content["protocol"]),
                scores={name: float("nan" if value is None else value) for name, value in content["scores"].items()},
                images=[read_image(image, len(content["classes"])) for image in content["images"]],
                checkpoint=checked_text(content["checkpoint"]),
                step=None if content["step"] is None else int(content["step"]),
                absent=None if content["absent"] is None else float(content["absent"]),
                ignore_background=bool(content["ignore_background"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(f"{path}: is damaged ({why}); {AGAIN}") from error


def by_scene(evaluation: Evaluation) -> Evaluation:
    """With the windows of a scene as one image, since they are not independent of each other. Other images stay."""
    scenes: dict[str, list[ImageCounts]] = {}
    for image in evaluation.images:
        scenes.setdefault(WINDOW.sub("", image.path), []).append(image)
    return replace(evaluation, images=[joined(path, windows) for path, windows in scenes.items()])


def joined(path: str, images: Sequence[ImageCounts]) -> ImageCounts:
    rows = np.concatenate([image.pairs for image in images])
    pairs, number = np.unique(rows[:, :2], axis=0, return_inverse=True)
    pixels = np.zeros(len(pairs), np.int64)
    np.add.at(pixels, number.ravel(), rows[:, 2])
    return ImageCounts(path, np.column_stack([pairs, pixels]))


AGAIN = "write it again with `segbox test CONFIG CHECKPOINT --out FOLDER`"


def read_content(path: Path) -> Mapping[str, Any]:
    """The content of a file that `Evaluation.write` has written, whatever it holds."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); {AGAIN}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON, or incomplete ({error}); {AGAIN}") from error
    if not isinstance(content, dict) or KEY not in content:
        raise DataError(f"{path}: is JSON, but no evaluation of segbox (it has no {KEY!r}); {AGAIN}")
    if content[KEY] != FORMAT:
        raise DataError(
            f"{path}: has format {short(content[KEY])}, this segbox reads format {FORMAT}; update segbox, or {AGAIN}"
        )
    return content


def read_image(content: Mapping[str, Any], classes: int) -> ImageCounts:
    path, numbers = checked_text(content["path"]), np.array(content["pairs"])
    if not numbers.size:
        return ImageCounts(path, np.zeros((0, 3), np.int64))
    if numbers.dtype != np.int64 or numbers.ndim != 1 or numbers.size % 3:
        raise ValueError(f"the counts of {path} are no rows of target, guess, pixels")
    pairs = numbers.reshape(-1, 3)
    if pairs.min() < 0 or pairs[:, :2].max() >= classes:
        raise ValueError(f"the counts of {path} are not of {classes} classes")
    if len(np.unique(pairs[:, 0] * classes + pairs[:, 1])) < len(pairs):
        raise ValueError(f"the counts of {path} name a pair of classes twice")
    return ImageCounts(path, pairs)


def checked_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{short(value)} is no text")
    return value
