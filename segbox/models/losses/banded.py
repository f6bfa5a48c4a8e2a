"""Losses on small logits and full-size labels, one band of rows at a time.

Resizing logits B K h w to the labels' size takes B K H W floats, several times in the backward pass. Here only one
band of rows has the full size at a time. A loss gives a function of a band, `terms(logits, *maps)`, which gets the
resized logits B K rows W, and the same rows of the full-size maps (labels, weights).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.uncompiled import uncompiled

Terms = Callable[..., Tensor]
FEWEST_ROWS = 8  # of a band: each band has a fixed cost, and reads rows of logits that its neighbours read too


@uncompiled
def banded_sum(terms: Terms, logits: Tensor, *maps: Tensor, align_corners: bool = False) -> Tensor:
    """The sum over all pixels. The gradient is computed in the same pass, so nothing is computed twice."""
    if torch.is_grad_enabled() and logits.requires_grad:
        return _Sum.apply(terms, align_corners, logits, *maps)
    return sum_over_bands(terms, logits, maps, align_corners)


@uncompiled
def banded_sums(terms: Terms, logits: Tensor, *maps: Tensor, align_corners: bool = False) -> Tensor:
    """Several sums, from which a loss is computed afterwards. The gradient takes a second pass, in backward."""
    return _Sums.apply(terms, align_corners, logits, *maps)


@uncompiled
@torch.no_grad()
def banded_map(values: Terms, logits: Tensor, *maps: Tensor, align_corners: bool = False) -> Tensor:
    """One number per pixel, B H W, without gradient."""
    result = torch.empty(len(logits), *maps[0].shape[-2:], dtype=precision(logits), device=logits.device)
    with full_precision(logits):
        for band in cut(logits, maps, align_corners):
            band.rows(result).copy_(values(band.widen(band.source(logits)), *band.of(maps)))
    return result


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, terms: Terms, align_corners: bool, logits: Tensor, *maps: Tensor) -> Tensor:
        total, gradient = 0.0, torch.zeros_like(logits, dtype=precision(logits))
        for band in cut(logits, maps, align_corners):
            value, gradient_of_band = band.differentiate(terms, logits, maps)
            total = total + value
            band.source_rows(gradient).add_(gradient_of_band)
        ctx.save_for_backward(gradient)
        ctx.dtype = logits.dtype
        ctx.num_maps = len(maps)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_total: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return None, None, (gradient * grad_total).to(ctx.dtype), *[None] * ctx.num_maps


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx, terms: Terms, align_corners: bool, logits: Tensor, *maps: Tensor) -> Tensor:
        ctx.terms = terms
        ctx.align_corners = align_corners
        ctx.save_for_backward(logits, *maps)
        return sum_over_bands(terms, logits, maps, align_corners)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_sums: Tensor) -> tuple[Tensor | None, ...]:
        logits, *maps = ctx.saved_tensors
        gradient = torch.zeros_like(logits, dtype=precision(logits))
        for band in cut(logits, maps, ctx.align_corners):
            band.source_rows(gradient).add_(band.differentiate(ctx.terms, logits, maps, grad_sums)[1])
        return None, None, gradient.to(logits.dtype), *[None] * len(maps)


@torch.no_grad()
def sum_over_bands(terms: Terms, logits: Tensor, maps: Sequence[Tensor], align_corners: bool) -> Tensor:
    with full_precision(logits):
        bands = cut(logits, maps, align_corners)
        return sum(terms(band.widen(band.source(logits)), *band.of(maps)) for band in bands)


@dataclass(frozen=True)
class Band:
    """Rows `target` of the labels of some images, rows `near` of the logits that they depend on, and the weights."""

    images: slice
    target: slice
    near: slice
    width: int
    mix: Tensor | None  # rows of the labels x rows of the logits; None where they are the same
    align_corners: bool

    def rows(self, each: Tensor) -> Tensor:
        return each[self.images, ..., self.target, :]

    def of(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [self.rows(each) for each in maps]

    def source_rows(self, logits: Tensor) -> Tensor:
        return logits[self.images, :, self.near]

    def source(self, logits: Tensor) -> Tensor:
        return self.source_rows(logits.detach()).to(precision(logits))

    def widen(self, source: Tensor) -> Tensor:
        """Resize rows of the logits, B K near w, to the labels' size, B K target W."""
        if source.shape[-1] != self.width:
            size = source.shape[-2], self.width
            source = F.interpolate(source, size, mode="bilinear", align_corners=self.align_corners)
        return source if self.mix is None else torch.matmul(self.mix, source)

    def differentiate(
        self, terms: Terms, logits: Tensor, maps: Sequence[Tensor], grad_sums: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The terms, and the gradient with respect to the rows of the logits."""
        with torch.enable_grad(), full_precision(logits):
            source = self.source(logits).requires_grad_()
            value = terms(self.widen(source), *self.of(maps))
            (gradient,) = torch.autograd.grad(value, source, grad_sums)
        return value.detach(), gradient


def cut(logits: Tensor, maps: Sequence[Tensor], align_corners: bool = False) -> Iterator[Band]:
    """Several small images per band, or several bands per image; long bands, which share fewer rows of logits."""
    batch, channels, source = logits.shape[:3]
    height, width = maps[0].shape[-2:]
    floats = floats_per_band(logits.device)
    images = max(1, floats // (channels * height * width))
    rows = max(FEWEST_ROWS, floats // (images * channels * width))
    mix = None
    if source != height:
        mix = rows_on_device(source, height, precision(logits), align_corners, logits.device)
    for image in range(0, batch, images):
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            target = near = slice(top, bottom)
            if mix is not None:
                near = rows_near(target, source, height, align_corners)
            own = None if mix is None else mix[target, near]
            yield Band(slice(image, image + images), target, near, width, own, align_corners)


def floats_per_band(device: torch.device) -> int:
    """Number of full-size logits per band: what fits into a CPU's cache, or what keeps an accelerator busy."""
    return 2**20 if device.type == "cpu" else 2**24


def rows_near(rows: slice, source: int, target: int, align_corners: bool) -> slice:
    """The source rows that target rows depend on."""
    first, _, _ = neighbours(rows.start, source, target, align_corners)
    _, last, _ = neighbours(rows.stop - 1, source, target, align_corners)
    return slice(first, last + 1)


def neighbours(row: int, source: int, target: int, align_corners: bool) -> tuple[int, int, float]:
    """The two source rows next to a target row, and the weight of the second."""
    by_area = max(0.0, (row + 0.5) * source / target - 0.5)
    place = row * (source - 1) / max(1, target - 1) if align_corners else by_area
    low = min(int(place), source - 1)
    return low, min(low + 1, source - 1), place - low


@lru_cache(maxsize=16)
def rows_on_device(source: int, target: int, dtype: torch.dtype, align_corners: bool, device: torch.device) -> Tensor:
    """`row_weights`, kept: a GPU would be waited for while they are copied to it."""
    with torch.inference_mode(False):  # the tensor outlives it
        return row_weights(source, target, dtype, align_corners).to(device)


def row_weights(source: int, target: int, dtype: torch.dtype, align_corners: bool) -> Tensor:
    """Bilinear interpolation of `source` rows to `target` rows as a matrix."""
    found = (neighbours(row, source, target, align_corners) for row in range(target))
    low, high, share = (torch.tensor(column) for column in zip(*found))
    weights = torch.zeros(target, source, dtype=torch.float64)
    weights[torch.arange(target), low] = 1 - share.double()
    weights[torch.arange(target), high] += share.double()
    return weights.to(dtype)


def precision(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)
