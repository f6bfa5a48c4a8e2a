"""Images of an evaluation, predicted again: pictures of the best and the worst, and where the wrong pixels are."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import PairDataset
from segbox.data.datasets.wrapper import unwrap
from segbox.data.loader import pipeline_of
from segbox.data.sample import Item, collate_list
from segbox.errors import DataError
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.image_iou import mean_iou
from segbox.evaluation.metrics import known_pairs
from segbox.evaluation.records import Evaluation, ImageCounts
from segbox.precision import choose_precision
from segbox.report.boundaries import Boundaries
from segbox.viz.html_page import picture_address
from segbox.viz.overlay import as_bytes, overlay

SHOWN = 6  # images of the best, and of the worst
MEASURED = 40  # images in which the distance of wrong pixels to boundaries is measured
LEAST = 10  # training images that make a score
REPEATING = ("ClassBalancedDataset", "RepeatDataset")  # wrappers that show images several times
LARGEST = 480  # pixels on the longer side of a kept picture
WIDTHS = (480, 360, 260, 180)  # of the pictures in the page, in order of preference; in pixels
BUDGET = 3_600_000  # characters of all pictures
OPACITY = 0.5  # of the class colours over the image
WRONG = (226, 54, 40)


@dataclass(frozen=True)
class Example:
    """An image with its mean IoU, and its four pictures: image, truth, prediction, wrong pixels."""

    path: str
    iou: float
    pictures: tuple[np.ndarray, ...] = ()


def image_scores(evaluation: Evaluation) -> list[Example]:
    """The images by their mean IoU, the worst first; those without a known pixel are left out."""
    found = [Example(image.path, iou_of(image, evaluation)) for image in evaluation.images]
    unique = {example.path: example for example in found if example.iou == example.iou}
    return sorted(unique.values(), key=lambda example: (example.iou, example.path))


def iou_of(image: ImageCounts, evaluation: Evaluation) -> float:
    counts = np.zeros((len(evaluation.classes),) * 2, np.int64)
    counts[image.pairs[:, 0], image.pairs[:, 1]] = image.pairs[:, 2]
    return mean_iou(counts, evaluation.ignore_background)


def extremes(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """The worst, and the best from the best on; no image is in both."""
    worst = list(examples[: min(SHOWN, (len(examples) + 1) // 2)])
    best = list(reversed(examples[len(worst) :]))[:SHOWN]
    return worst, best


def spread(examples: Sequence[Example], shown: Sequence[Example]) -> list[str]:
    """The paths to predict: the shown ones first, then others spread evenly over the data set, in all `MEASURED`."""
    first = [example.path for example in shown]
    rest = sorted({example.path for example in examples} - set(first))
    count = min(max(0, MEASURED - len(first)), len(rest))
    return first + [rest[i] for i in np.linspace(0, len(rest) - 1, count).astype(int)]


class Look:
    """Watches an evaluation: keeps pictures of the `shown` images, counts boundaries in all."""

    def __init__(self, shown: Sequence[Example], palette: Sequence[Sequence[int]], classes: int) -> None:
        self.shown = {example.path: example for example in shown}
        self.palette = palette
        self.boundaries = Boundaries.of_classes(classes)
        self.examples: dict[str, Example] = {}

    def __call__(self, item: Item, prediction: Tensor) -> None:
        target, guess = item["label"].numpy(), prediction.numpy()
        self.boundaries.add(target, guess)
        if known := self.shown.get(item["path"]):
            image = np.ascontiguousarray(item["image"].numpy().transpose(1, 2, 0))
            pictures = draw(image, target, guess, self.palette)
            iou = mean_iou(known_pairs(prediction, item["label"], self.boundaries.pixels.shape[1]))
            self.examples[known.path] = Example(known.path, iou, pictures)


def draw(
    image: np.ndarray, target: np.ndarray, guess: np.ndarray, palette: Sequence[Sequence[int]]
) -> tuple[np.ndarray, ...]:
    """Image, truth, prediction, wrong pixels: RGB bytes, all at the label's shape or smaller."""
    image = as_bytes(image)
    factor = min(1.0, LARGEST / max(target.shape))
    size = tuple(max(1, round(side * factor)) for side in target.shape[::-1])
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    wrong = ((target != guess) & (target != IGNORE_INDEX)).astype(np.float32)
    wrong = cv2.resize(wrong, size, interpolation=cv2.INTER_AREA)[..., None]  # a thin line of errors stays visible
    target, guess = (cv2.resize(own.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) for own in (target, guess))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) * 0.45 + 20
    errors = np.rint(grey * (1 - wrong) + np.array(WRONG) * wrong).astype(np.uint8)
    errors[target == IGNORE_INDEX] //= 2
    return image, overlay(image, target, palette, OPACITY), overlay(image, guess, palette, OPACITY), errors


@dataclass(frozen=True)
class Again:
    """What predicting again has shown."""

    worst: list[Example]
    best: list[Example]
    boundaries: Boundaries
    train: tuple[float, int] | None  # mIoU of some training images, and their number
    largest_change: float  # of an image's IoU since the evaluation, in points


def predict_again(
    evaluation: Evaluation, config: Mapping[str, Any], model: nn.Module, device: torch.device, seconds: float
) -> Again:
    """Predict the shown images, and others until the seconds are over."""
    evaluator = Evaluator(config, device, precision_of(config, device))
    ranked = image_scores(evaluation)
    worst, best = extremes(ranked)
    look = Look([*worst, *best], evaluation.palette, len(evaluation.classes))
    until = time.perf_counter() + seconds / 2
    found = positions_of(evaluator.dataset, spread(ranked, [*worst, *best]))
    evaluator(model, look, batches=load(evaluator.dataset, found, until, len(worst + best)))
    changes = [abs(look.examples[e.path].iou - e.iou) for e in (*worst, *best) if e.path in look.examples]
    worst, best = ([look.examples[e.path] for e in part if e.path in look.examples] for part in (worst, best))
    train = score_of_training_images(config, model, device, until + seconds / 2)
    return Again(worst, best, look.boundaries, train, max(changes, default=0.0))


def score_of_training_images(
    config: Mapping[str, Any], model: nn.Module, device: torch.device, until: float
) -> tuple[float, int] | None:
    """The mIoU of training images that are treated as validation images; None if there is no time for enough."""
    data = config.get("data") or {}
    train = data.get("train")
    while isinstance(train, Mapping) and train.get("type") in REPEATING:
        train = train["dataset"]
    if not isinstance(train, Mapping) or not isinstance(data.get("val"), Mapping):
        return None
    alike = {**train, "pipeline": pipeline_of(data["val"])[0]}
    evaluator = Evaluator({**config, "data": {**data, "val": alike}}, device, precision_of(config, device))
    indices = np.linspace(0, len(evaluator.dataset) - 1, min(MEASURED, len(evaluator.dataset))).astype(int)
    metric = evaluator(model, batches=load(evaluator.dataset, indices.tolist(), until, always=1))
    images = len(metric.matrix.images)
    return (metric.compute()["mIoU"], images) if images >= LEAST else None


def precision_of(config: Mapping[str, Any], device: torch.device) -> str:
    train = config.get("train") or {}
    return choose_precision(train.get("precision", train.get("amp")), device)


def load(dataset: SegDataset, positions: Sequence[int], until: float, always: int) -> Iterator[list[Item]]:
    """Images, each a batch of one, as long as there is time; the first ones always. Unreadable ones are left out."""
    for number, position in enumerate(positions):
        if number >= always and time.perf_counter() > until:
            return
        with suppress(DataError):
            if batch := collate_list([dataset[position, None]]):
                yield batch


def positions_of(dataset: SegDataset, paths: Sequence[str]) -> list[int]:
    """Where the data set has the images, as far as it does. One that does not list its files has to load each."""
    found: dict[str, int] = {}
    for index in range(len(dataset)):
        own, inner = unwrap(dataset, index)
        is_listed = isinstance(own, PairDataset | FolderDataset)
        path = str(own.files(inner)[0]) if is_listed else own.load(inner)["path"]
        if path in paths:
            found.setdefault(path, index)
        if len(found) == len(paths):
            break
    return [found[path] for path in paths if path in found]


def addresses(examples: Sequence[Example]) -> list[list[str]]:
    """The pictures for `src`, all of one width: the largest at which they fit into `BUDGET`."""
    for width in WIDTHS:
        found = [[picture_address(smaller(picture, width)) for picture in example.pictures] for example in examples]
        if sum(len(text) for texts in found for text in texts) <= BUDGET:
            break
    return found


def smaller(picture: np.ndarray, width: int) -> np.ndarray:
    factor = width / max(picture.shape[:2])
    if factor >= 1:
        return picture
    size = tuple(max(1, round(side * factor)) for side in picture.shape[1::-1])
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
