"""The detail loss of STDC (https://arxiv.org/abs/2104.13188), as in mmsegmentation. A head adds it to its losses."""

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDES = (1, 2)  # the paper has 4 too, with so small a weight that it never decides
EPS = 1e-3


def detail_losses(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Binary cross entropy and Dice loss of two channels, "no detail" and "detail", B 2 H W, as large as the labels."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float))
    detail = details(labels)
    target = torch.stack([~detail, detail], dim=1).to(logits.dtype)
    p, t = logits.sigmoid().flatten(1), target.flatten(1)
    dice = 2 * (p * t).sum(1) / (p.square().sum(1) + t.sum(1) + 2 * EPS)
    return {"bce": F.binary_cross_entropy_with_logits(logits, target), "dice": (1 - dice).mean()}


def details(labels: Tensor) -> Tensor:
    """B H W, true where the Laplacian of the class ids is positive, at the labels' size or at half of it.

    Ids are taken as numbers, the ignored one too, with zeros outside of the image: of a border, the side of the larger
    id is marked.
    """
    ids = labels[:, None].float()
    kernel = torch.full((1, 1, 3, 3), -1.0, device=labels.device)
    kernel[..., 1, 1] = 8
    found = [(F.conv2d(ids, kernel, stride=stride, padding=1) > 0).float() for stride in STRIDES]
    return sum(F.interpolate(x, ids.shape[-2:]) for x in found)[:, 0] > 0
