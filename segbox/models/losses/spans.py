"""Exponentials of enlarged logits, without an exponential per pixel.

Rows of the labels that lie between the same two rows of the logits are evenly spaced. So the enlarged logits of a
column are an arithmetic sequence there, and their exponentials a geometric one: one exponential for its start, one for
its ratio, and a multiplication per row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from .banded import row_weights, rows_near

LOWEST = -80.0  # its exponential is a normal float32
FLOATS = 2**18  # of a tile: it stays in a processor's cache, as it is read and written several times
COLUMNS = 128  # of a tile: few, so that a product with the weights of the columns has few zeros


@dataclass(frozen=True)
class Spans:
    """The rows of the labels, by the two rows of the logits between which they are.

    Span i is between the rows `first + i` and the next one of the logits, whose first and last row stand there twice.
    All spans have as many rows as the longest one; its last row fills up the others.
    """

    first: int
    start: Tensor  # the weight of the second row of the logits in the first row of each span
    step: float  # what it grows by from row to row
    mix: Tensor  # spans x 2 x rows: the weights of both; 0 for rows that fill up
    rows: Tensor  # of the labels: those of all spans, one after the other
    places: Tensor  # where `rows` has each row of the labels

    def tiles(self, classes: int) -> Iterator[slice]:
        """Spans whose exponentials fit into the cache together."""
        number = max(1, FLOATS // (self.mix.shape[2] * classes * COLUMNS))
        for top in range(0, len(self.mix), number):
            yield slice(top, min(top + number, len(self.mix)))

    def of_spans(self, each: Tensor) -> Tensor:
        """H W -> spans, their rows, W."""
        return each.index_select(0, self.rows).unflatten(0, (len(self.mix), -1))

    def of_rows(self, each: Tensor) -> Tensor:
        """Spans, their rows, W -> H W."""
        return each.flatten(0, 1).index_select(0, self.places)

    def exponentials(self, logits: Tensor, some: slice) -> Tensor:
        """Logits h+2 K W -> some spans, their rows, K W."""
        low = logits[self.first + some.start : self.first + some.stop]
        change = logits[self.first + some.start + 1 : self.first + some.stop + 1] - low
        result = logits.new_empty(len(low), self.mix.shape[2], *low.shape[1:])
        torch.exp(torch.addcmul(low, change, self.start[some]), out=result[:, 0])
        ratio = change.mul_(self.step).exp_()
        for row in range(1, self.mix.shape[2]):
            torch.mul(result[:, row - 1], ratio, out=result[:, row])
        return result

    def spread(self, gradient: Tensor, some: slice, total: Tensor) -> None:
        """Add the gradient of some spans' rows to that of the logits, h+2 K W."""
        both = torch.bmm(self.mix[some], gradient.flatten(2)).unflatten(2, total.shape[1:])
        total[self.first + some.start : self.first + some.stop] += both[:, 0]
        total[self.first + some.start + 1 : self.first + some.stop + 1] += both[:, 1]


@lru_cache(maxsize=16)
def spans_of(source: int, target: int, align_corners: bool, dtype: torch.dtype) -> Spans:
    """How `target` rows lie between `source` rows, which are not more."""
    assert source <= target
    with torch.inference_mode(False):  # the tensors outlive it
        rows = torch.arange(target, dtype=torch.float64)
        step = (source - 1) / max(1, target - 1) if align_corners else source / target
        positions = rows * step if align_corners else (rows + 0.5) * step - 0.5
        below, counts = positions.floor().unique_consecutive(return_counts=True)
        begin = counts.cumsum(0) - counts
        offsets = torch.arange(int(counts.max()))
        counted = offsets < counts[:, None]
        share = (positions[begin] - below)[:, None] + step * offsets
        mix = torch.stack([1 - share, share], dim=1) * counted[:, None]
        own = begin[:, None] + offsets.minimum(counts[:, None] - 1)
        places = counted.flatten().nonzero()[:, 0]
        return Spans(int(below[0]) + 1, share[:, :1, None].to(dtype), step, mix.to(dtype), own.flatten(), places)


@dataclass(frozen=True)
class Columns:
    """Columns `target` of the labels, the columns `near` of the logits, and the weights: near x target, or None."""

    target: slice
    near: slice
    mix: Tensor | None

    def widen(self, logits: Tensor) -> Tensor:
        """h K w -> h K target."""
        near = logits[..., self.near]
        return near.contiguous() if self.mix is None else near.matmul(self.mix)

    def spread(self, gradient: Tensor, total: Tensor) -> None:
        """Add the gradient of the columns, h K target, to that of the logits, h K w."""
        total[..., self.near] += gradient if self.mix is None else gradient.matmul(self.mix.t())


@lru_cache(maxsize=16)
def columns_of(source: int, target: int, align_corners: bool, dtype: torch.dtype) -> list[Columns]:
    with torch.inference_mode(False):
        parts = [slice(left, min(left + COLUMNS, target)) for left in range(0, target, COLUMNS)]
        if source == target:
            return [Columns(part, part, None) for part in parts]
        mix = row_weights(source, target, dtype, align_corners).t()
        nears = [rows_near(part, source, target, align_corners) for part in parts]
        return [Columns(part, near, mix[near, part].contiguous()) for part, near in zip(parts, nears)]


def shifted(logits: Tensor) -> Tensor:
    """K h w -> h+2 K w: less the largest logit of each pixel; the first and the last row twice."""
    rows = (logits - logits.amax(dim=0)).movedim(1, 0)
    return torch.cat([rows[:1], rows, rows[-1:]])


def unshifted_gradient(total: Tensor) -> Tensor:
    """h+2 K w -> K h w."""
    total[1] += total[0]
    total[-2] += total[-1]
    return total[1:-1].movedim(0, 1)
