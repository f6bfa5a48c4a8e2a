"""From what a head predicts to scores of classes at a size."""

from collections.abc import Sequence

import torch
from torch import Tensor

from segbox.models.layers import resize
from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.masks import Masks
from segbox.models.losses.banded import precision

SMALLEST = torch.finfo(torch.float32).tiny  # log(0) would spread as NaN


def at_size(predicted: Tensor | Masks, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Logits, or the log scores of masks: B K H W. All masks of this size are in memory at once."""
    if isinstance(predicted, Tensor):
        return resize(predicted, size, align_corners)
    with full_precision(predicted.masks):
        masks = resize(predicted.masks.to(precision(predicted.masks)), size, align_corners)
    return log_scores(predicted.classes, masks.movedim(1, 3)).movedim(3, 1)


def at_own_scale(predicted: Tensor | Masks) -> Tensor:
    """B K h w."""
    if isinstance(predicted, Tensor):
        return predicted
    return log_scores(predicted.classes, predicted.masks.movedim(1, 3)).movedim(3, 1)


def log_scores(classes: Tensor, masks: Tensor) -> Tensor:
    """Logits of queries, B Q K+1 and B H W Q -> B H W K. The score of a class at a pixel is the sum over the queries of
    the probabilities that the query is of the class, and that the pixel is in its mask. Their softmax is the share of
    each class in the sum of all scores."""
    with full_precision(masks):
        shares = classes.to(precision(classes)).softmax(dim=2)[..., :-1]
        scores = masks.to(precision(masks)).sigmoid().flatten(1, 2) @ shares
    return scores.clamp(min=SMALLEST).log().unflatten(1, masks.shape[1:3])
