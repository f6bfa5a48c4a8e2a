"""The most probable class of each pixel, on a CPU, without most of the work.

The logits of a pixel are a mean of its four neighbours at the head's scale. Classes that these show to be below another
one everywhere between them are left out, and where one class remains nothing is computed.

Where windows overlap, their probabilities are added up. The class that is the largest one in each of them has the
largest sum, too. So the windows are computed one by one, and probabilities only for the pixels in which they differ.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise, product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbox.data.class_names import check_count
from segbox.models.losses.banded import neighbours
from segbox.models.losses.spans import COLUMNS, Columns, Spans, columns_at, shifted, spans_of

FLOATS, FEWEST_PIXELS = 2**19, 8192  # of a block: each has a fixed cost
FEW = 1 / 2  # of the pixels of a region: added up one by one, a pixel costs about twice as much as in a block
LONG = 32  # rows of so many values: NumPy's argmax is the fastest
SEVERAL = 255  # no class has this id
CODES = (255 - torch.arange(256)).to(torch.uint8)[:, None]  # of ids: the largest code is the lowest id
ROUNDING = 1e-5  # relative to the largest logit: what the order of operations may change, and more


@dataclass(frozen=True)
class Source:
    """Logits of an image at the head's scale, for the `size` whose upper left corner is at y, x of the class map."""

    logits: Tensor  # shifted, h+2 K w
    rivals: Tensor  # h+1 K w-1: the classes that may be the largest between four neighbours
    alone: np.ndarray  # h+1 w-1: the only one of these, or SEVERAL
    y: int
    x: int
    size: tuple[int, int]
    align_corners: bool

    @classmethod
    def of(cls, logits: Tensor, y: int, x: int, size: Sequence[int], align_corners: bool) -> "Source":
        """K h w."""
        own = shifted(logits.detach().float())
        some = rivals(own)
        return cls(own, some, only(some), y, x, (size[0], size[1]), align_corners)

    def reaches(self, size: Sequence[int]) -> bool:
        """Whether part of it is inside of a class map of this size."""
        return -self.size[0] < self.y < size[0] and -self.size[1] < self.x < size[1]

    def spans(self, rows: slice) -> Spans:
        """How rows of the class map lie between those of the logits."""
        part = rows.start - self.y, rows.stop - self.y
        return spans_of(self.logits.shape[0] - 2, self.size[0], self.align_corners, self.logits.dtype, part)

    def columns(self, columns: slice) -> Columns:
        part = columns.start - self.x, columns.stop - self.x
        return columns_at(self.logits.shape[2], self.size[1], self.align_corners, self.logits.dtype, part)

    def cells(self, spans: Spans, columns: Columns) -> tuple[slice, slice]:
        """Where `rivals` and `alone` have a block."""
        left = min(columns.near.start, self.rivals.shape[2] - 1)  # right of the last column is that column
        right = max(columns.near.stop - 1, left + 1)
        return slice(spans.first, spans.first + len(spans.mix)), slice(left, right)

    def only_class(self, rows: slice, columns: slice) -> int:
        """The class of all pixels of some cells, or SEVERAL."""
        own = self.alone[rows, columns]
        first = own[0, 0]
        return int(first) if (own == first).all() else SEVERAL

    def rivals_in(self, rows: slice, columns: slice) -> Tensor:
        """The ids of the classes that may be the largest somewhere in some cells."""
        some = self.rivals[rows, :, columns].view(torch.uint8)
        return some.amax(dim=0).amax(dim=1).nonzero()[:, 0]  # five times as fast as any

    @cached_property
    def table(self) -> Tensor:
        """The logits once more, h*w K."""
        return self.logits[1:-1].movedim(1, 2).flatten(0, 1)

    def exponentials(self, y: np.ndarray, x: np.ndarray) -> tuple[Tensor, Tensor]:
        """Of pixels of the class map: M K, and their sums M 1."""
        high, _, wide = self.logits.shape
        down, over = beside(high - 2, self.size[0], self.align_corners), beside(wide, self.size[1], self.align_corners)
        tops = [(place * wide, weight) for place, weight in taken(down, y - self.y)]
        lefts = taken(over, x - self.x)
        places, weights = np.empty((len(y), 4), np.int64), np.empty((len(y), 4), np.float32)
        for corner, ((top, of_top), (left, of_left)) in enumerate(product(tops, lefts)):
            np.add(top, left, out=places[:, corner])
            np.multiply(of_top, of_left, out=weights[:, corner])
        own = torch.from_numpy(weights)
        p = F.embedding_bag(torch.from_numpy(places), self.table, mode="sum", per_sample_weights=own).exp_()
        return p, p.sum(dim=1, keepdim=True)


@lru_cache(maxsize=16)
def beside(source: int, target: int, align_corners: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """The logit before and the one behind each pixel of one side, and their weights."""
    low, high, share = np.array([neighbours(pixel, source, target, align_corners) for pixel in range(target)]).T
    return [(own.astype(np.int64), weight.astype(np.float32)) for own, weight in ((low, 1 - share), (high, share))]


def taken(side: list[tuple[np.ndarray, np.ndarray]], pixels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Those of some pixels of a side. Faster than indices in brackets."""
    return [(own.take(pixels), weight.take(pixels)) for own, weight in side]


@dataclass(frozen=True)
class Part:
    """The classes of a source by itself, as far as it is inside of the class map."""

    source: Source
    rows: slice
    columns: slice
    classes: Tensor

    @classmethod
    def of(cls, source: Source, size: Sequence[int]) -> "Part":
        rows, columns = (
            slice(max(0, begin), min(begin + own, most))
            for begin, own, most in zip((source.y, source.x), source.size, size, strict=True)
        )
        return cls(source, rows, columns, classes_of_source(source, rows, columns))

    def at(self, rows: slice, columns: slice) -> np.ndarray:
        return self.classes.numpy()[within(rows, self.rows), within(columns, self.columns)]


@torch.no_grad()
def class_map(sources: Sequence[Source], size: Sequence[int]) -> Tensor:
    """H W, bytes; where sources overlap, by the sum of their probabilities. They may reach beyond the map; pixels of no
    source are of class 0, as if all were equally probable."""
    check_count(sources[0].logits.shape[1], "the model")
    parts = [Part.of(source, size) for source in sources if source.reaches(size)]
    result = np.zeros(size, dtype=np.uint8)
    for rows in between_ends(part.rows for part in parts):
        band = [part for part in parts if part.rows.start <= rows.start < part.rows.stop]
        for columns in between_ends(part.columns for part in band):
            if own := [part for part in band if part.columns.start <= columns.start < part.columns.stop]:
                result[rows, columns] = classes_of_region(own, rows, columns)
    return torch.from_numpy(result)


def within(part: slice, whole: slice) -> slice:
    """A part of `whole`, counted from its start."""
    return slice(part.start - whole.start, part.stop - whole.start)


def between_ends(parts: Iterable[slice]) -> list[slice]:
    """Slices between neighbouring ends of some slices."""
    ends = sorted({end for part in parts for end in (part.start, part.stop)})
    return [slice(low, high) for low, high in pairwise(ends)]


def classes_of_region(parts: Sequence[Part], rows: slice, columns: slice) -> np.ndarray:
    """H W of a region that each of the parts covers."""
    first, *others = (part.at(rows, columns) for part in parts)
    differ = np.zeros(first.shape, dtype=bool)
    for other in others:
        differ |= first != other
    count, sources = np.count_nonzero(differ), [part.source for part in parts]
    if not count:
        return first
    result = first.copy()
    if count < FEW * differ.size:
        y, x = differ.nonzero()
        result[y, x] = summed_pixels(sources, y + rows.start, x + columns.start)
        return result
    for y, x in blocks(sources[0], rows, columns):
        result[within(y, rows), within(x, columns)] = summed(sources, y, x)
    return result


def summed_pixels(sources: Sequence[Source], y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The classes with the largest sum of probabilities of some pixels of the class map."""
    result, most = np.empty(len(y), dtype=np.uint8), FLOATS // sources[0].logits.shape[1]
    for some in (slice(begin, begin + most) for begin in range(0, len(y), most)):
        result[some] = largest_in_rows(added_up(own.exponentials(y[some], x[some]) for own in sources))
    return result


def classes_of_source(source: Source, rows: slice, columns: slice) -> Tensor:
    """H W, of the logits of one source."""
    result = torch.empty(rows.stop - rows.start, columns.stop - columns.start, dtype=torch.uint8)
    for y, x in blocks(source, rows, columns):
        result[within(y, rows), within(x, columns)] = classes_of_block(source, y, x)
    return result


def blocks(source: Source, rows: slice, columns: slice) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of blocks that are computed at once."""
    most = max(FEWEST_PIXELS, FLOATS // source.logits.shape[1]) // COLUMNS
    for own in whole_spans(rows.start, source.spans(rows).counts, most):
        for left in range(columns.start, columns.stop, COLUMNS):
            yield own, slice(left, min(left + COLUMNS, columns.stop))


def whole_spans(begin: int, counts: Iterable[int], most: int) -> Iterator[slice]:
    """Slices from `begin` on, of `most` rows at most, that end where a span of `counts` rows ends: part of a span costs
    as much as all of it. Only a span that is too long is cut."""
    end = begin
    for step in (min(most, count - done) for count in counts for done in range(0, count, most)):
        if end + step - begin > most:
            yield slice(begin, end)
            begin = end
        end += step
    yield slice(begin, end)


def classes_of_block(source: Source, rows: slice, columns: slice) -> Tensor | int:
    """H W, or one id for all."""
    spans, part = source.spans(rows), source.columns(columns)
    cells = source.cells(spans, part)
    only_class = source.only_class(*cells)
    if only_class != SEVERAL:
        return only_class
    near, ids = spans.near(source.logits), source.rivals_in(*cells)
    near = near if ids.numel() == near.shape[1] else near.index_select(1, ids)
    return spans.of_rows(largest(spans.enlarged(part.widen(near)), ids))


def summed(sources: Sequence[Source], rows: slice, columns: slice) -> Tensor:
    """H W of a block: the class with the largest sum of probabilities."""
    total = added_up(exponentials_and_sums(own, own.spans(rows), own.columns(columns)) for own in sources)
    return largest(total, torch.arange(total.shape[1]))


def exponentials_and_sums(source: Source, spans: Spans, columns: Columns) -> tuple[Tensor, Tensor]:
    """H K W, H 1 W."""
    p = spans.exponentials(columns.widen(spans.near(source.logits)))
    return spans.of_rows(p), spans.of_rows(p.sum(dim=2, keepdim=True))


def added_up(found: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
    """The sum of probabilities, of exponentials and their sums. All of it is multiplied by the first ones' sums, so
    that these need no division."""
    total, first_sums = next(found)
    for p, sums in found:
        total.addcmul_(p, first_sums / sums)
    return total


def largest(values: Tensor, ids: Tensor) -> Tensor:
    """... K W -> ... W: the id of the largest value, the lowest id of several; bytes. Faster than argmax, whose loop is
    not vectorised."""
    is_largest = np.equal(values.numpy(), values.amax(dim=-2, keepdim=True).numpy())
    codes = torch.from_numpy(is_largest.view(np.uint8)).mul_(CODES.index_select(0, ids))
    return codes.amax(dim=-2).bitwise_not_()  # 255 - codes, a byte at a time


def largest_in_rows(values: Tensor) -> np.ndarray:
    """M K -> M: the place of the largest value, the first one of several."""
    if values.shape[1] < LONG:
        return largest(values.t().contiguous(), torch.arange(values.shape[1])).numpy()
    return values.numpy().argmax(axis=1)


def rivals(logits: Tensor) -> Tensor:
    """h+2 K w -> h+1 K w-1: the classes that may be the largest between four neighbours.

    The mean of the classes that are the largest at the neighbours is nowhere above the largest class. So one that is
    below this mean at all four neighbours is below the largest class everywhere between them.
    """
    best = largest(logits, torch.arange(logits.shape[1]))[:, None]
    ids = torch.cat(corners(best), dim=1).long()
    margin = ROUNDING * logits.abs().amax()
    lowest = [own.gather(1, ids).mean(dim=1, keepdim=True) - margin for own in corners(logits)]
    is_above = [np.greater_equal(own.numpy(), low.numpy()) for own, low in zip(corners(logits), lowest, strict=True)]
    return torch.from_numpy(is_above[0] | is_above[1] | is_above[2] | is_above[3])


def only(some: Tensor) -> np.ndarray:
    """Rivals, h+1 K w-1 -> h+1 w-1: the only one, or SEVERAL."""
    is_rival, codes = some.view(torch.uint8), CODES[: some.shape[1]]
    first, last = 255 - (is_rival * codes).amax(dim=1), (is_rival * (255 - codes)).amax(dim=1)
    return last.where(first == last, SEVERAL).numpy()


def corners(each: Tensor) -> list[Tensor]:
    """h+2 K w -> the four neighbours, h+1 K w-1; a single column is its own neighbour."""
    right = min(1, each.shape[2] - 1)
    left = slice(0, each.shape[2] - right)
    return [rows[..., part] for rows in (each[:-1], each[1:]) for part in (left, slice(right, None))]
