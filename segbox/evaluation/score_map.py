"""Logits at the head's scale that are resized to the requested size a band of rows at a time.

At 150 classes and 2048 x 1024 pixels, all logits would take 1.2 GB; a band of rows stays in the processor's cache.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from segbox.data.class_names import check_count
from segbox.evaluation.class_maps import SEVERAL, Source, class_map
from segbox.evaluation.full_size import Piece, classes_of_logits, classes_of_pieces
from segbox.models.class_scores import SMALLEST, log_scores
from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.masks import Masks
from segbox.models.losses.banded import floats_per_band, row_weights, rows_near
from segbox.models.losses.spans import WIDEST, is_enlarged, spread_of

FEWEST_ROWS = 8  # of a band: adjacent bands compute some rows of the map twice


class ScoreMap(ABC):
    """Logits B K h w, up to a constant per pixel. Rows are computed when they are asked for.

    `own_size` is the resolution of the logits: a larger size adds no information. `align_corners` is the model's.
    """

    shape: tuple[int, int, int, int]
    own_size: tuple[int, int]
    device: torch.device
    align_corners: bool

    @abstractmethod
    def rows(self, rows: slice) -> Tensor:
        """B rows w K, in float32. With the classes last, argmax is three times as fast."""

    @abstractmethod
    def of(self, images: slice) -> "ScoreMap":
        """The score map of some images of the batch."""

    def rows_at(self, rows: slice, size: Sequence[int]) -> Tensor:
        """Rows of the map resized to another size, like `resize`: B rows W K."""
        (height, width), source = size, self.shape[2]
        if source == height:
            return wider(self.rows(rows), width, self.align_corners)
        near = rows_near(rows, source, height, self.align_corners)
        logits = wider(self.rows(near), width, self.align_corners)
        with full_precision(logits):
            mix = mix_of(source, height, self.device, self.align_corners)
            mixed = torch.matmul(mix[rows, near], logits.flatten(2))
        return mixed.unflatten(2, logits.shape[2:])

    def bands(self, size: Sequence[int]) -> Iterator[tuple[slice, Tensor]]:
        """All rows at a size, one band at a time."""
        height, width = size
        rows = max(FEWEST_ROWS, floats_per_band(self.device) // (self.shape[0] * self.shape[1] * width))
        for top in range(0, height, rows):
            band = slice(top, min(top + rows, height))
            yield band, self.rows_at(band, size)

    def at(self, size: Sequence[int]) -> Tensor:
        """All logits: B K H W."""
        result = torch.empty(*self.shape[:2], *size, device=self.device)
        for band, logits in self.bands(size):
            result[..., band, :] = logits.movedim(3, 1)
        return result

    def probabilities(self, size: Sequence[int]) -> Tensor:
        """B K H W."""
        result = torch.empty(*self.shape[:2], *size, device=self.device)
        for band, logits in self.bands(size):
            result[..., band, :] = logits.softmax(dim=3).movedim(3, 1)
        return result

    def classes(self, size: Sequence[int]) -> Tensor:
        """The most probable class of each pixel: B H W, bytes."""
        result = self._bytes(size)
        for band, logits in self.bands(size):
            result[:, band] = logits.max(dim=3).indices
        return result

    def _bytes(self, size: Sequence[int]) -> Tensor:
        """For the ids of classes: B H W."""
        check_count(self.shape[1], "the model")
        return torch.empty(self.shape[0], *size, dtype=torch.uint8, device=self.device)

    def classes_and_confidences(self, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The most probable classes, and their probabilities: B H W each."""
        result = self._bytes(size)
        confidences = torch.empty(self.shape[0], *size, device=self.device)
        for band, logits in self.bands(size):
            confidences[:, band], result[:, band] = logits.softmax(dim=3).max(dim=3)
        return result, confidences

    def classes_confidences_entropies(self, size: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Like classes_and_confidences, and the normalised entropies: B H W each."""
        result = self._bytes(size)
        confidences, entropies = torch.empty(2, self.shape[0], *size, device=self.device)
        for band, logits in self.bands(size):
            probabilities = logits.softmax(dim=3)
            confidences[:, band], result[:, band] = probabilities.max(dim=3)
            entropies[:, band] = normalized_entropy(probabilities, dim=3)
        return result, confidences, entropies


class LogitMap(ScoreMap):
    """Logits in memory, at the head's own scale."""

    def __init__(self, logits: Tensor, align_corners: bool = False) -> None:
        self.logits = logits
        self.align_corners = align_corners
        self.shape = tuple(logits.shape)
        self.own_size = logits.shape[2], logits.shape[3]
        self.device = logits.device

    def rows(self, rows: slice) -> Tensor:
        return self.logits[:, :, rows].float().movedim(1, 3).contiguous()

    def of(self, images: slice) -> "LogitMap":
        return LogitMap(self.logits[images], self.align_corners)

    def classes(self, size: Sequence[int]) -> Tensor:
        if self.has_size(size):
            return classes_of_logits(self.logits)
        if not self.is_quick(size, math.inf):
            return super().classes(size)
        return torch.stack([class_map([self.source(image, 0, 0, size)], size) for image in range(len(self.logits))])

    def has_size(self, size: Sequence[int]) -> bool:
        """Whether there is a logit for each pixel, on a CPU."""
        return self.device.type == "cpu" and tuple(size) == self.own_size

    def is_quick(self, size: Sequence[int], widest: float) -> bool:
        """Whether `class_map` can be used: enlarged on a CPU, finite, with a spread below `widest`."""
        is_possible = self.device.type == "cpu" and is_enlarged(self.own_size, size)
        return is_possible and spread_of(self.logits) < widest

    def source(self, image: int, y: int, x: int, size: Sequence[int]) -> Source:
        return Source.of(self.logits[image], y, x, size, self.align_corners)


class MaskMap(ScoreMap):
    """The classes of queries, and their masks at the head's own scale: resized, then summed up to scores of classes."""

    def __init__(self, predicted: Masks, align_corners: bool = False) -> None:
        self.classes_of_queries, masks = predicted
        self.masks = LogitMap(masks, align_corners)
        self.align_corners = align_corners
        self.own_size = self.masks.own_size
        self.shape = (len(masks), predicted.classes.shape[2] - 1, *self.own_size)
        self.device = masks.device

    def rows(self, rows: slice) -> Tensor:
        return self.rows_at(rows, self.own_size)

    def rows_at(self, rows: slice, size: Sequence[int]) -> Tensor:
        """A few rows at a time: there may be many more queries than classes."""
        batch, queries = self.masks.shape[:2]
        most = max(FEWEST_ROWS, floats_per_band(self.device) // (batch * queries * size[1]))
        parts = [slice(top, min(top + most, rows.stop)) for top in range(rows.start, rows.stop, most)]
        return torch.cat([log_scores(self.classes_of_queries, self.masks.rows_at(part, size)) for part in parts], dim=1)

    def of(self, images: slice) -> "MaskMap":
        return MaskMap(Masks(self.classes_of_queries[images], self.masks.logits[images]), self.align_corners)


def score_map_of(predicted: Tensor | Masks, align_corners: bool) -> ScoreMap:
    """The score map of what a head predicts, at its own scale."""
    kind = MaskMap if isinstance(predicted, Masks) else LogitMap
    return kind(predicted, align_corners)


class CroppedMap(ScoreMap):
    """The upper left `size` of a score map of a padded image."""

    def __init__(self, scores: ScoreMap, padded_size: Sequence[int], size: Sequence[int]) -> None:
        self.scores = scores
        self.padded_size = tuple(padded_size)
        self.shape = (*scores.shape[:2], *size)
        self.own_size = tuple(-(-part * own // side) for part, own, side in zip(size, scores.own_size, padded_size))
        self.device = scores.device
        self.align_corners = scores.align_corners

    def rows(self, rows: slice) -> Tensor:
        return self.scores.rows_at(rows, self.padded_size)[:, :, : self.shape[3]]

    def classes(self, size: Sequence[int]) -> Tensor:
        if tuple(size) != self.shape[2:]:
            return super().classes(size)
        return self.scores.classes(self.padded_size)[:, : size[0], : size[1]]

    def of(self, images: slice) -> "CroppedMap":
        return CroppedMap(self.scores.of(images), self.padded_size, self.shape[2:])


@dataclass(frozen=True)
class Window:
    """The scores of the h x w pixels of an image whose upper left corner is y, x."""

    y: int
    x: int
    h: int
    w: int
    scores: ScoreMap

    def has_own_size(self) -> bool:
        """Whether there is a logit for each pixel, on a CPU."""
        return isinstance(self.scores, LogitMap) and self.scores.has_size((self.h, self.w))

    def piece(self, image: int) -> Piece:
        return Piece(self.scores.logits[image], self.y, self.x)

    def is_quick(self) -> bool:
        return isinstance(self.scores, LogitMap) and self.scores.is_quick((self.h, self.w), WIDEST)

    def source(self, image: int) -> Source:
        return self.scores.source(image, self.y, self.x, (self.h, self.w))


class WindowMap(ScoreMap):
    """Windows that cover an image. Where they overlap, their probabilities are averaged."""

    def __init__(self, windows: Sequence[Window], height: int, width: int) -> None:
        self.windows = tuple(windows)
        first = self.windows[0]
        small_h, small_w = first.scores.own_size
        self.shape = (*first.scores.shape[:2], height, width)
        self.own_size = -(-height * small_h // first.h), -(-width * small_w // first.w)
        self.device = first.scores.device
        self.align_corners = first.scores.align_corners

    def rows(self, rows: slice) -> Tensor:
        batch, channels, _, width = self.shape
        total = torch.zeros(batch, rows.stop - rows.start, width, channels, device=self.device)
        for own in self.windows:
            top, bottom = max(rows.start, own.y), min(rows.stop, own.y + own.h)
            left, right = max(0, own.x), min(width, own.x + own.w)
            if top < bottom and left < right:
                logits = own.scores.rows_at(slice(top - own.y, bottom - own.y), (own.h, own.w))
                inside = logits[:, :, left - own.x : right - own.x]
                total[:, top - rows.start : bottom - rows.start, left:right] += inside.softmax(dim=3)
        # No division: the number of windows is the same for all classes of a pixel.
        return total.clamp_(min=SMALLEST).log_()

    def classes(self, size: Sequence[int]) -> Tensor:
        images = range(self.shape[0])
        if tuple(size) == self.shape[2:] and all(own.has_own_size() for own in self.windows):
            pieces = ([own.piece(image) for own in self.windows] for image in images)
            found = torch.stack([classes_of_pieces(own, size) for own in pieces])
            if not (found == SEVERAL).any():
                return found
        if tuple(size) != self.shape[2:] or not all(own.is_quick() for own in self.windows):
            return super().classes(size)
        return torch.stack([class_map([own.source(image) for own in self.windows], size) for image in images])

    def of(self, images: slice) -> "WindowMap":
        windows = [Window(own.y, own.x, own.h, own.w, own.scores.of(images)) for own in self.windows]
        return WindowMap(windows, *self.shape[2:])


def normalized_entropy(probabilities: Tensor, dim: int) -> Tensor:
    """- sum p log p / log K: 0 where one class is certain, 1 where all are equally probable. `dim`: classes."""
    most = math.log(max(2, probabilities.shape[dim]))  # a single class has entropy 0
    return (torch.special.entr(probabilities).sum(dim) / most).clamp(0, 1)


def wider(rows: Tensor, width: int, align_corners: bool) -> Tensor:
    """B rows w K -> B rows W K."""
    if rows.shape[2] == width:
        return rows
    size = rows.shape[1], width
    wide = F.interpolate(rows.movedim(3, 1), size, mode="bilinear", align_corners=align_corners)
    return wide.movedim(1, 3).contiguous()


@lru_cache(maxsize=16)
def mix_of(source: int, target: int, device: torch.device, align_corners: bool) -> Tensor:
    """Cached, so not an inference-mode tensor: gradients could not pass through it later."""
    with torch.inference_mode(False):
        return row_weights(source, target, torch.float32, align_corners).to(device)
