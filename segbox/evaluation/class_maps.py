"""The most probable class of each pixel, on a CPU, without most of the work.

The logits of a pixel are a mean of its four neighbours at the head's scale. Classes that these show to be below another
one everywhere between them are left out, and where one class remains nothing is computed. Where windows overlap, their
probabilities are added up, a block at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segbox.data.class_names import check_count
from segbox.models.losses.spans import COLUMNS, Columns, Spans, columns_at, shifted, spans_of

FLOATS, FEWEST_PIXELS = 2**19, 4096  # of a block: each has a fixed cost
SEVERAL = 255  # no class has this id
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

    def covers(self, rows: slice, columns: slice) -> bool:
        (height, width), y, x = self.size, rows.start, columns.start
        return self.y <= y < self.y + height and self.x <= x < self.x + width

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
        return self.rivals[rows, :, columns].any(dim=2).any(dim=0).nonzero()[:, 0]


@torch.no_grad()
def class_map(sources: Sequence[Source], size: Sequence[int]) -> Tensor:
    """H W, bytes; where sources overlap, by the sum of their probabilities. They may reach beyond the map; pixels of no
    source are of class 0, as if all were equally probable."""
    result = torch.zeros(*size, dtype=torch.uint8)
    check_count(sources[0].logits.shape[1], "the model")
    for rows in bands(sources, size[0]):
        for columns in cut((x for own in sources for x in (own.x, own.x + own.size[1])), size[1], COLUMNS):
            if own := [source for source in sources if source.covers(rows, columns)]:
                result[rows, columns] = classes_of_block(own, rows, columns)
    return result


def bands(sources: Sequence[Source], height: int) -> Iterator[slice]:
    """The rows of blocks: between neighbouring edges of the sources. Rows of no source are left out."""
    most = max(FEWEST_PIXELS, FLOATS // sources[0].logits.shape[1]) // COLUMNS
    for rows in cut((y for own in sources for y in (own.y, own.y + own.size[0])), height, height):
        if own := next((own for own in sources if own.y <= rows.start < own.y + own.size[0]), None):
            yield from whole_spans(rows.start, own.spans(rows).counts, most)


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


def cut(edges: Iterable[int], length: int, most: int) -> list[slice]:
    """Slices between neighbouring edges from 0 to `length`, of `most` at most."""
    ends = sorted({min(max(edge, 0), length) for edge in edges})
    pairs = ((low, high) for a, b in zip(ends, ends[1:]) for low in range(a, b, most) for high in [min(low + most, b)])
    return [slice(low, high) for low, high in pairs]


def classes_of_block(sources: Sequence[Source], rows: slice, columns: slice) -> Tensor | int:
    """H W, or one id for all."""
    parts = [(source.spans(rows), source.columns(columns)) for source in sources]
    cells = [source.cells(*part) for source, part in zip(sources, parts)]
    found = {source.only_class(*own) for source, own in zip(sources, cells)}
    if len(found) == 1 and SEVERAL not in found:
        return found.pop()
    if len(sources) > 1:
        return summed(sources, parts)
    (source,), [(spans, part)] = sources, parts
    near, ids = spans.near(source.logits), source.rivals_in(*cells[0])
    near = near if len(ids) == near.shape[1] else near.index_select(1, ids)
    return spans.of_rows(largest(spans.enlarged(part.widen(near)), ids))


def summed(sources: Sequence[Source], parts: Sequence[tuple[Spans, Columns]]) -> Tensor:
    """The class with the largest sum of probabilities. All of them are multiplied by the sum of the first source's
    exponentials, so that these need no division."""
    found = (exponentials_and_sums(source, *part) for source, part in zip(sources, parts, strict=True))
    total, first_sums = next(found)
    for p, sums in found:
        total.addcmul_(p, first_sums / sums)
    return largest(total, torch.arange(total.shape[1]))


def exponentials_and_sums(source: Source, spans: Spans, columns: Columns) -> tuple[Tensor, Tensor]:
    """H K W, H 1 W."""
    p = spans.exponentials(columns.widen(spans.near(source.logits)))
    return spans.of_rows(p), spans.of_rows(p.sum(dim=2, keepdim=True))


def largest(values: Tensor, ids: Tensor) -> Tensor:
    """... K W -> ... W: the id of the largest value, the lowest id of several; bytes. Faster than argmax, whose loop is
    not vectorised."""
    is_largest = np.equal(values.numpy(), values.amax(dim=-2, keepdim=True).numpy())
    codes = torch.from_numpy(is_largest).view(torch.uint8).mul_((255 - ids).to(torch.uint8)[:, None])
    return 255 - codes.amax(dim=-2)


def rivals(logits: Tensor) -> Tensor:
    """h+2 K w -> h+1 K w-1: the classes that may be the largest between four neighbours.

    The mean of the classes that are the largest at the neighbours is nowhere above the largest class. So one that is
    below this mean at all four neighbours is below the largest class everywhere between them.
    """
    best = largest(logits, torch.arange(logits.shape[1]))[:, None]
    ids = torch.cat(corners(best), dim=1).long()
    margin = ROUNDING * logits.abs().amax()
    is_above = [own >= own.gather(1, ids).mean(dim=1, keepdim=True) - margin for own in corners(logits)]
    return is_above[0] | is_above[1] | is_above[2] | is_above[3]


def only(some: Tensor) -> np.ndarray:
    """Rivals, h+1 K w-1 -> h+1 w-1: the only one, or SEVERAL."""
    codes, ids = some.view(torch.uint8), torch.arange(some.shape[1], dtype=torch.uint8)[:, None]
    first, last = 255 - (codes * (255 - ids)).amax(dim=1), (codes * ids).amax(dim=1)
    return last.where(first == last, SEVERAL).numpy()


def corners(each: Tensor) -> list[Tensor]:
    """h+2 K w -> the four neighbours, h+1 K w-1; a single column is its own neighbour."""
    right = min(1, each.shape[2] - 1)
    left = slice(0, each.shape[2] - right)
    return [rows[..., part] for rows in (each[:-1], each[1:]) for part in (left, slice(right, None))]
