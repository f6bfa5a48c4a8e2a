"""Exponentials of enlarged logits, without an exponential per pixel.

Rows of the labels that lie between the same two rows of the logits are evenly spaced. So the enlarged logits of a
column are an arithmetic sequence there, and their exponentials a geometric one: one exponential for its start, one for
its ratio, and a multiplication per row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from .banded import row_weights, rows_near

WIDEST = 80.0  # spread of the logits of a pixel: exp(-80) is a normal float32
FLOATS = 2**18  # of a tile: it stays in a processor's cache, as it is read and written several times
COLUMNS = 128  # of a tile: few, so that a product with the weights of the columns has few zeros


@dataclass(frozen=True)
class Spans:
    """The rows of the labels, by the two rows of the logits between which they are.

    Span i is between the rows `first + i` and the next one of the logits, whose first and last row stand there twice.
    All spans have as many rows as the longest one; rows that do not count fill up the others, at their ends. In a first
    one that is the rest of a longer one, they stand at its begin: where only it and the last one are shorter, the rows
    of the labels then lie behind each other.
    """

    first: int
    start: Tensor  # the weight of the second row of the logits in the first row of each span
    step: float  # what it grows by from row to row
    mix: Tensor  # spans x 2 x rows: the weights of both; 0 for rows that fill up
    rows: Tensor  # of the labels: those of all spans, one after the other; near ones for rows that fill up
    places: slice | Tensor  # where `rows` has each row of the labels
    counts: list[int]  # rows of each span that do not fill up

    def tiles(self, pixels: int) -> Iterator[slice]:
        """Spans that have so many pixels together, in COLUMNS columns."""
        number = max(1, pixels // (self.mix.shape[2] * COLUMNS))
        for top in range(0, len(self.mix), number):
            yield slice(top, min(top + number, len(self.mix)))

    def of_spans(self, each: Tensor) -> Tensor:
        """H W -> spans, their rows, W."""
        return each.index_select(0, self.rows).unflatten(0, (len(self.mix), -1))

    def of_rows(self, each: Tensor) -> Tensor:
        """Spans, their rows, W -> H W."""
        rows = each.flatten(0, 1)
        return rows[self.places] if isinstance(self.places, slice) else rows.index_select(0, self.places)

    def some(self, own: slice) -> "Spans":
        """Some of the spans, to enlarge and to spread."""
        return replace(self, first=self.first + own.start, start=self.start[own], mix=self.mix[own])

    def near(self, logits: Tensor) -> Tensor:
        """The rows of the logits, h+2 K W, that the spans are between."""
        return logits[self.first : self.first + len(self.mix) + 1]

    def enlarged(self, near: Tensor) -> Tensor:
        """Their rows -> spans, their rows, K W."""
        return torch.lerp(near[:-1, None], near[1:, None], self.mix[:, 1, :, None, None])

    def exponentials(self, near: Tensor) -> Tensor:
        """Their rows -> the exponentials of spans, their rows, K W."""
        change = near[1:] - near[:-1]
        result = near.new_empty(len(change), self.mix.shape[2], *near.shape[1:])
        rows = result.unbind(1)
        torch.exp(torch.addcmul(near[:-1], change, self.start), out=rows[0])
        ratio = change.mul_(self.step).exp_()
        for row, following in pairwise(rows):
            torch.mul(row, ratio, out=following)
        return result

    def spread(self, gradient: Tensor, near: Tensor) -> None:
        """Add the gradient of the spans' rows to that of the rows that they are between."""
        both = torch.bmm(self.mix, gradient.flatten(2)).unflatten(2, near.shape[1:])
        near[:-1] += both[:, 0]
        near[1:] += both[:, 1]


@lru_cache(maxsize=256)
def spans_of(
    source: int, target: int, align_corners: bool, dtype: torch.dtype, part: tuple[int, int] | None = None
) -> Spans:
    """How `target` rows lie between `source` rows, which are not more; or a part of them, from a row to another."""
    assert source <= target
    with torch.inference_mode(False):  # the tensors outlive it
        rows = torch.arange(*(part or (0, target)), dtype=torch.float64)
        step = (source - 1) / max(1, target - 1) if align_corners else source / target
        positions = rows * step if align_corners else (rows + 0.5) * step - 0.5
        below, counts = positions.floor().unique_consecutive(return_counts=True)
        begin = counts.cumsum(0) - counts
        longest, share = int(counts.max()), positions[begin] - below
        missing = longest - int(counts[0])
        offsets = torch.arange(longest).repeat(len(counts), 1)
        if below[0] < 0 or share[0] > (missing - 0.01) * step:  # else, exponentials before the span might be 0
            offsets[0] -= missing
        counted = (offsets >= 0) & (offsets < counts[:, None])
        share = share[:, None] + step * offsets
        mix = torch.stack([1 - share, share], dim=1) * counted[:, None]
        own = begin[:, None] + offsets.clamp(min=0).minimum(counts[:, None] - 1)
        places = counted.flatten().nonzero()[:, 0]
        if places[-1] - places[0] < len(places):
            places = slice(int(places[0]), int(places[-1]) + 1)
        start = share[:, :1, None].to(dtype)
        return Spans(int(below[0]) + 1, start, step, mix.to(dtype), own.flatten(), places, counts.tolist())


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


def columns_of(source: int, target: int, align_corners: bool, dtype: torch.dtype) -> list[Columns]:
    """All columns, COLUMNS at a time."""
    lefts = range(0, target, COLUMNS)
    return [columns_at(source, target, align_corners, dtype, (x, min(x + COLUMNS, target))) for x in lefts]


@lru_cache(maxsize=256)
def columns_at(source: int, target: int, align_corners: bool, dtype: torch.dtype, part: tuple[int, int]) -> Columns:
    """From a column to another."""
    own = slice(*part)
    if source == target:
        return Columns(own, own, None)
    near = rows_near(own, source, target, align_corners)
    return Columns(own, near, column_weights(source, target, align_corners, dtype)[near, own].contiguous())


@lru_cache(maxsize=16)
def column_weights(source: int, target: int, align_corners: bool, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # the tensor outlives it
        return row_weights(source, target, dtype, align_corners).t()


def shifted(logits: Tensor) -> Tensor:
    """K h w -> h+2 K w: less the largest logit of each pixel; the first and the last row twice."""
    rows = (logits - logits.amax(dim=0)).movedim(1, 0)
    return torch.cat([rows[:1], rows, rows[-1:]])


def spread_of(logits: Tensor) -> float:
    """The largest distance of the logits of a pixel, B K h w; NaN or infinite if logits are."""
    return float((logits.detach().amax(dim=1) - logits.detach().amin(dim=1)).amax())


def is_enlarged(small: Sequence[int], large: Sequence[int]) -> bool:
    """Whether no side shrinks."""
    return all(a <= b for a, b in zip(small, large, strict=True))


def unshifted_gradient(total: Tensor) -> Tensor:
    """h+2 K w -> K h w."""
    total[1] += total[0]
    total[-2] += total[-1]
    return total[1:-1].movedim(0, 1)
