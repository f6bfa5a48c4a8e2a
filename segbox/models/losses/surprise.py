"""Losses that are a function of a pixel's surprise, -log p of its label, at full size: cross entropy, focal loss."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.uncompiled import uncompiled

from .banded import banded_map, banded_sum, cut, precision
from .spans import FLOATS, WIDEST, columns_of, is_enlarged, shifted, spans_of, spread_of, unshifted_gradient

# (surprises, weights of the pixels) -> the losses, and their slopes by the surprises
Score = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
TINY = torch.finfo(torch.float32).tiny  # only rows that fill up a span have less


@uncompiled
def sum_of_losses(score: Score, logits: Tensor, labels: Tensor, weights: Tensor, align_corners: bool = False) -> Tensor:
    """The sum over all pixels. Pixels of weight 0 are left out, whatever their label is."""
    if not (has_own_size(logits, labels) or has_spans(logits, labels)):
        return banded_sum(
            lambda *band: losses_of(score, *band).sum(), logits, labels, weights, align_corners=align_corners
        )
    if torch.is_grad_enabled() and logits.requires_grad:
        return _Sum.apply(score, align_corners, logits, labels, weights)
    return surprised(score, logits, labels, weights, align_corners).sum()


@uncompiled
@torch.no_grad()
def map_of_losses(score: Score, logits: Tensor, labels: Tensor, weights: Tensor, align_corners: bool = False) -> Tensor:
    """The loss of each pixel, B H W, without gradient."""
    if not (has_own_size(logits, labels) or has_spans(logits, labels)):
        return banded_map(lambda *band: losses_of(score, *band), logits, labels, weights, align_corners=align_corners)
    return surprised(score, logits, labels, weights, align_corners)


def has_own_size(logits: Tensor, labels: Tensor) -> bool:
    """Whether logits have the size of the labels, as those of a U-Net."""
    return logits.shape[2:] == labels.shape[1:]


def has_spans(logits: Tensor, labels: Tensor) -> bool:
    """Whether spans can be used: not if logits are shrunk, too far apart or not finite. A GPU would wait for this."""
    is_possible = logits.device.type == "cpu" and is_enlarged(logits.shape[2:], labels.shape[1:])
    return is_possible and spread_of(logits) < WIDEST


def losses_of(score: Score, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The loss of each pixel; logits and labels have the same size."""
    surprises = F.cross_entropy(logits, labels.long().where(weights != 0, 0), reduction="none")
    return score(surprises, weights.to(logits.dtype))[0]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, score: Score, align_corners: bool, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        gradient = torch.empty_like(logits, dtype=precision(logits))
        losses = surprised(score, logits, labels, weights, align_corners, gradient)
        ctx.save_for_backward(gradient)
        ctx.dtype = logits.dtype
        return losses.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_total: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return None, None, (gradient * grad_total).to(ctx.dtype), None, None


@torch.no_grad()
def surprised(
    score: Score, logits: Tensor, labels: Tensor, weights: Tensor, align_corners: bool, gradient: Tensor | None = None
) -> Tensor:
    """The losses, B H W. The gradient of their sum is written into `gradient`, B K h w."""
    losses = torch.empty(labels.shape, dtype=precision(logits), device=logits.device)
    with full_precision(logits):
        if has_own_size(logits, labels):
            return of_own_size(score, logits, labels, weights, losses, gradient)
        for image, own in enumerate(logits.detach().to(precision(logits))):
            own = shifted(own)
            total = None if gradient is None else torch.zeros_like(own)
            losses[image] = of_image(score, own, labels[image], weights[image].to(own.dtype), align_corners, total)
            if gradient is not None:
                gradient[image] = unshifted_gradient(total)
    return losses


def of_own_size(
    score: Score, logits: Tensor, labels: Tensor, weights: Tensor, losses: Tensor, gradient: Tensor | None
) -> Tensor:
    """Write the losses, B H W, and their gradient."""
    is_channels_last = logits.stride(1) == 1
    for band in cut(logits, (labels,)):
        label, weight = (own[:, None] for own in band.of((labels, weights)))
        own, label, weight = band.source(logits), label.where(weight != 0, 0).long(), weight.to(losses.dtype)
        if is_channels_last:
            own, label, weight = (each.movedim(1, 3) for each in (own, label, weight))
        dim = 3 if is_channels_last else 1
        log_p = own.log_softmax(dim)
        loss, slope = score(-log_p.gather(dim, label), weight)
        band.rows(losses).copy_(loss.squeeze(dim))
        if gradient is not None:
            found = log_p.exp_().mul_(slope).scatter_add_(dim, label, -slope)
            band.source_rows(gradient).copy_(found.movedim(3, 1) if is_channels_last else found)
    return losses


def of_image(
    score: Score, logits: Tensor, labels: Tensor, weights: Tensor, align_corners: bool, total: Tensor | None
) -> Tensor:
    """The losses, H W, of shifted logits, h+2 K w. The gradient is added to `total`."""
    (height, width), (rows, classes, columns) = labels.shape, logits.shape
    spans = spans_of(rows - 2, height, align_corners, logits.dtype)
    known, weights = spans.of_spans(labels.where(weights != 0, 0)), spans.of_spans(weights)
    losses = torch.empty_like(weights)
    for part in columns_of(columns, width, align_corners, logits.dtype):
        wide = part.widen(logits)
        wide_total = None if total is None else torch.zeros_like(wide)
        for some in spans.tiles(FLOATS // classes):
            own = spans.some(some)
            p = own.exponentials(own.near(wide))  # not yet divided by their sums
            label, weight = known[some, :, None, part.target].long(), weights[some, :, None, part.target]
            sums, own_p = p.sum(dim=2, keepdim=True).clamp_(min=TINY), p.gather(2, label).clamp_(min=TINY)
            loss, slope = score((sums / own_p).log_(), weight)
            losses[some, :, part.target] = loss[:, :, 0]
            if wide_total is not None:
                own.spread(p.mul_(slope / sums).scatter_add_(2, label, -slope), own.near(wide_total))
        if total is not None:
            part.spread(wide_total, total)
    return spans.of_rows(losses)
