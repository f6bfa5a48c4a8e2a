"""The most probable class of each pixel, on a CPU, without most of the work.

The logits of a pixel are a mean of its four neighbours at the head's scale. Classes that these show to be below another
one everywhere between them are left out, and where one class remains nothing is computed. Where windows overlap, their
probabilities are added up, a block at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segbox.models.losses.spans import COLUMNS, FLOATS, Columns, Spans, columns_at, shifted, spans_of

FEWEST_PIXELS = 4096  # of a block: each has a fixed cost
ROUNDING = 1e-5  # relative to the largest logit: what the order of operations may change, and more


@dataclass(frozen=True)
class Source:
    """Logits of an image at the head's scale, for the `size` whose upper left corner is at y, x of the class map."""

    logits: Tensor  # shifted, h+2 K w
    rivals: Tensor  # h+1 K w-1: the classes that may be the largest between four neighbours
    y: int
    x: int
    size: tuple[int, int]
    align_corners: bool

    @classmethod
    def of(cls, logits: Tensor, y: int, x: int, size: Sequence[int], align_corners: bool) -> "Source":
        """K h w."""
        own = shifted(logits.detach().float())
        return cls(own, rivals(own), y, x, (size[0], size[1]), align_corners)

    def covers(self, rows: slice, columns: slice) -> bool:
        (height, width), y, x = self.size, rows.start, columns.start
        return self.y <= y < self.y + height and self.x <= x < self.x + width

    def part(self, rows: slice, columns: slice) -> tuple[Spans, Columns]:
        """How a block of the class map lies between the logits."""
        (height, _, width), (full_height, full_width), dtype = self.logits.shape, self.size, self.logits.dtype
        vertical = rows.start - self.y, rows.stop - self.y
        horizontal = columns.start - self.x, columns.stop - self.x
        spans = spans_of(height - 2, full_height, self.align_corners, dtype, vertical)
        return spans, columns_at(width, full_width, self.align_corners, dtype, horizontal)

    def rivals_in(self, spans: Spans, columns: Columns) -> Tensor:
        """The ids of the classes that may be the largest somewhere in a block."""
        left = min(columns.near.start, self.rivals.shape[2] - 1)  # right of the last column is that column
        right = max(columns.near.stop - 1, left + 1)
        own = self.rivals[spans.first : spans.first + len(spans.mix), :, left:right]
        return own.any(dim=2).any(dim=0).nonzero()[:, 0]


@torch.no_grad()
def class_map(sources: Sequence[Source], size: Sequence[int]) -> Tensor:
    """H W, bytes; where sources overlap, by the sum of their probabilities. They may reach beyond the map; pixels of no
    source are of class 0, as if all were equally probable."""
    result = torch.zeros(*size, dtype=torch.uint8)
    most = max(FEWEST_PIXELS, FLOATS // sources[0].logits.shape[1]) // COLUMNS
    for rows in cut((y for own in sources for y in (own.y, own.y + own.size[0])), size[0], most):
        for columns in cut((x for own in sources for x in (own.x, own.x + own.size[1])), size[1], COLUMNS):
            if own := [source for source in sources if source.covers(rows, columns)]:
                result[rows, columns] = classes_of_block(own, rows, columns)
    return result


def cut(edges: Iterable[int], length: int, most: int) -> list[slice]:
    """Slices between neighbouring edges from 0 to `length`, of `most` at most."""
    ends = sorted({min(max(edge, 0), length) for edge in edges})
    pairs = ((low, high) for a, b in zip(ends, ends[1:]) for low in range(a, b, most) for high in [min(low + most, b)])
    return [slice(low, high) for low, high in pairs]


def classes_of_block(sources: Sequence[Source], rows: slice, columns: slice) -> Tensor | int:
    """H W, or one id for all."""
    parts = [source.part(rows, columns) for source in sources]
    ids = [source.rivals_in(*part) for source, part in zip(sources, parts)]
    if all(len(own) == 1 for own in ids) and len({int(own) for own in ids}) == 1:
        return int(ids[0])
    if len(sources) > 1:
        return summed(sources, parts, (rows.stop - rows.start, columns.stop - columns.start))
    (source,), [(spans, part)] = sources, parts
    near = spans.near(source.logits)
    near = near if len(ids[0]) == near.shape[1] else near.index_select(1, ids[0])
    return spans.of_rows(largest(spans.enlarged(part.widen(near)), ids[0]))


def summed(sources: Sequence[Source], parts: Sequence[tuple[Spans, Columns]], size: tuple[int, int]) -> Tensor:
    """The class with the largest sum of probabilities."""
    classes = sources[0].logits.shape[1]
    total = torch.zeros(size[0], classes, size[1])
    for source, (spans, part) in zip(sources, parts, strict=True):
        p = spans.exponentials(part.widen(spans.near(source.logits)))
        spans.add_rows(p, p.sum(dim=2, keepdim=True).reciprocal_(), total)
    return largest(total, torch.arange(classes))


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


def corners(each: Tensor) -> list[Tensor]:
    """h+2 K w -> the four neighbours, h+1 K w-1; a single column is its own neighbour."""
    right = min(1, each.shape[2] - 1)
    left = slice(0, each.shape[2] - right)
    return [rows[..., part] for rows in (each[:-1], each[1:]) for part in (left, slice(right, None))]
