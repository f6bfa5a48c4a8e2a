"""Slide inference over a raster that does not fit into memory.

The windows, their order and their average are those of `segbox.evaluation.inference.slide`. Only the rows of windows
that reach into the asked rows are in memory.
"""

from dataclasses import dataclass

import numpy as np
import torch

from segbox import IGNORE_INDEX
from segbox.data.rasters.source import Raster, without_nodata
from segbox.data.sample import as_tensor
from segbox.evaluation.inference import InferenceFunction, starts
from segbox.evaluation.score_map import Window, WindowMap
from segbox.rasters.cells import pieces

STRIDES_AT_ONCE = 4  # in a row: to find the largest classes takes more memory than the scores


@dataclass(frozen=True)
class Sliding:
    """A model and how its windows lie. `mean` replaces nodata; it is in the units of the raster."""

    predict: InferenceFunction
    window: tuple[int, int]
    stride: tuple[int, int]
    windows_per_batch: int
    mean: np.ndarray
    device: torch.device


@dataclass(frozen=True)
class WindowRow:
    y: int
    valid: np.ndarray  # h x width: not nodata
    windows: list[Window]  # x is that of the panel


class WindowRows:
    """The class ids of some columns of a raster. Rows are asked for from top to bottom."""

    def __init__(self, sliding: Sliding, raster: Raster, columns: slice) -> None:
        self.sliding, self.raster, self.columns = sliding, raster, columns
        self.h, self.w = min(sliding.window[0], raster.height), min(sliding.window[1], raster.width)
        self.ys = starts(raster.height, self.h, sliding.stride[0])
        every = starts(raster.width, self.w, sliding.stride[1])
        self.xs = [x for x in every if x < columns.stop and x + self.w > columns.start]
        self.left, self.width = self.xs[0], self.xs[-1] + self.w - self.xs[0]
        self.kept: list[WindowRow] = []
        self.computed = 0  # windows

    def classes(self, rows: slice) -> np.ndarray:
        """Bytes, 255 for nodata."""
        step = self.sliding.stride[0]  # of more rows, more windows would be in memory
        bands = [slice(top, min(top + step, rows.stop)) for top in range(rows.start, rows.stop, step)]
        return np.concatenate([self._band(band) for band in bands])

    def _band(self, rows: slice) -> np.ndarray:
        self.kept = [row for row in self.kept if row.y + self.h > rows.start]
        last = self.kept[-1].y if self.kept else -1
        for y in self.ys:
            if last < y < rows.stop and y + self.h > rows.start:
                self.kept.append(self._row(y))
        size = rows.stop - rows.start, self.width
        valid = np.zeros(size, bool)
        for row in self.kept:
            top, bottom = max(rows.start, row.y), min(rows.stop, row.y + self.h)
            valid[top - rows.start : bottom - rows.start] = row.valid[top - row.y : bottom - row.y]
        result = np.full(size, IGNORE_INDEX, np.uint8)
        for columns in pieces(self.width, STRIDES_AT_ONCE * self.sliding.stride[1]):
            own, known = self._classes(rows, columns), valid[:, columns]
            result[:, columns][known] = own[known]
        return result[:, self.columns.start - self.left : self.columns.stop - self.left]

    def _classes(self, rows: slice, columns: slice) -> np.ndarray:
        """Of columns of the panel, from the windows that reach into them; class 0 where there are none."""
        size = rows.stop - rows.start, columns.stop - columns.start
        windows = [
            Window(row.y - rows.start, own.x - columns.start, own.h, own.w, own.scores)
            for row in self.kept
            for own in row.windows
            if columns.start - own.w < own.x < columns.stop
        ]
        return WindowMap(windows, *size).classes(size)[0].cpu().numpy() if windows else np.zeros(size, np.uint8)

    def _row(self, y: int) -> WindowRow:
        """Batches do not go beyond a row of windows: it is the same whichever process computes it."""
        image, valid = without_nodata(
            self.raster.read(slice(y, y + self.h), slice(self.left, self.left + self.width)), self.sliding.mean
        )
        places = [x - self.left for x in self.xs]
        places = [x for x in places if valid[:, x : x + self.w].any()]
        windows = []
        for i in range(0, len(places), self.sliding.windows_per_batch):
            some = places[i : i + self.sliding.windows_per_batch]
            batch = torch.stack([as_tensor(image[:, x : x + self.w]) for x in some]).to(self.sliding.device)
            scores = self.sliding.predict(batch)
            windows += [Window(y, x, self.h, self.w, scores.of(slice(k, k + 1))) for k, x in enumerate(some)]
        self.computed += len(windows)
        return WindowRow(y, valid, windows)
