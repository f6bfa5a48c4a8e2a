"""Predict labelled images, and rank the places where a confident model contradicts the label.

How sure a model is differs from class to class. As in confident learning (https://arxiv.org/abs/1911.00068), a class is
judged by its own typical probability: the mean over the pixels that are labelled with it.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import unwrap
from segbox.data.sample import Item, collate_list
from segbox.errors import DataError
from segbox.evaluation.inference import InferenceFunction
from segbox.evaluation.out_of_memory import scoring_explained
from segbox.evaluation.score_map import ScoreMap
from segbox.review.places import Place, find_places

SURE = 0.5  # the confidence that a place needs; less is enough for a class of which less is typical
LEAST = 1e-4  # smaller probabilities count as this: a single pixel must not outweigh a region


class Review:
    """What models say about the labels of a data set.

    Predictions that contradict a label are kept as PNG files in `folder`, for the pictures of the places.
    """

    def __init__(self, dataset: SegDataset, folder: Path) -> None:
        self.dataset = dataset
        self.folder = folder
        self.places: list[Place] = []
        self.images = 0
        self.probability = np.zeros(len(dataset.classes))  # of each class: the sum over the pixels labelled with it
        self.pixels = np.zeros(len(dataset.classes))  # of each class: those labelled with it

    @torch.inference_mode()
    def add(
        self,
        indices: Iterable[int],
        predict: InferenceFunction,
        device: torch.device,
        on_image: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Judge these images by a model."""
        for index, item in items_of(self.dataset, indices):
            images = item["image"][None].to(device)
            with scoring_explained(1, images.shape[-2:], device):
                prediction, best, own = judged(predict(images), item["label"])
            self.count(index, item, prediction, best, own)
            on_image(self.images)

    def count(self, index: int, item: Item, prediction: np.ndarray, best: np.ndarray, own: np.ndarray) -> None:
        label = item["label"].numpy()
        known = label != IGNORE_INDEX
        self.probability += np.bincount(label[known], np.exp(own[known]), minlength=len(self.probability))
        self.pixels += np.bincount(label[known], minlength=len(self.pixels))
        self.images += 1
        found = find_places(index, item["path"], label, prediction, best, own)
        self.places += found
        if found:
            cv2.imwrite(str(self.file_of(index)), prediction)

    def file_of(self, index: int) -> Path:
        return self.folder / f"{index}.png"

    def prediction(self, index: int) -> np.ndarray:
        """The predicted classes of an image that has places: H W."""
        return cv2.imread(str(self.file_of(index)), cv2.IMREAD_UNCHANGED)

    def typical(self) -> np.ndarray:
        """Of each class: its mean probability where it is labelled; 1 if it is labelled nowhere."""
        return np.where(self.pixels > 0, self.probability / np.maximum(self.pixels, 1), 1).clip(LEAST, 1)

    def ranked(self) -> list[Place]:
        """The places that count, the most suspicious first."""
        if not self.images:
            raise DataError("none of the images can be read; segbox check without --with says what is wrong with each")
        typical = self.typical()
        for place in self.places:
            place.score = score(place, typical)
        least = np.minimum(typical, SURE)
        sure = [place for place in self.places if place.score > 0 and place.confidence >= least[place.predicted]]
        return sorted(sure, key=lambda place: (-place.score, place.index, place.box))


def score(place: Place, typical: np.ndarray) -> float:
    """The log-odds of the predicted against the labelled class, each relative to its typical probability, times the
    logarithm of the number of pixels: large regions count more, but a surface is not worth a hundred objects."""
    expected = float(np.log(typical[place.predicted] / typical[place.labelled]))
    return (place.odds - expected) * float(np.log(place.pixels))


def judged(scores: ScoreMap, label: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At the size of the label, H W each: the predicted classes, their log-probabilities, those of the labelled
    classes."""
    prediction = np.empty(label.shape, np.uint8)
    best, own = np.empty((2, *label.shape), np.float32)
    wanted = label.long().clamp(max=scores.shape[1] - 1).to(scores.device)[..., None]  # any class where it is ignored
    for band, logits in scores.bands(label.shape):
        logs = logits[0].log_softmax(dim=2)
        values, classes = logs.max(dim=2)
        prediction[band], best[band] = classes.cpu().numpy(), values.cpu().numpy()
        own[band] = logs.gather(2, wanted[band])[..., 0].clamp(min=float(np.log(LEAST))).cpu().numpy()
    return prediction, best, own


def items_of(dataset: SegDataset, indices: Iterable[int]) -> Iterator[tuple[int, Item]]:
    """The images as in an evaluation, without unreadable files that the data set skips."""
    for index in indices:
        yield from ((index, item) for item in collate_list([dataset[index, None]]))


def different_images(dataset: SegDataset) -> list[int]:
    """An index of each image."""
    return [indices[0] for indices in repeats_of(dataset)]


def repeats_of(dataset: SegDataset) -> list[list[int]]:
    """For each different image, its indices: wrappers may repeat images."""
    indices: dict[tuple[int, int], list[int]] = {}
    for index in range(len(dataset)):
        inner, position = unwrap(dataset, index)
        indices.setdefault((id(inner), position), []).append(index)
    return list(indices.values())
