"""Resizing of maps, in one way everywhere."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .exporting import is_exporting


def resize(x: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Bilinear. Without aligned corners, a pixel is an area, and the same at every scale."""
    size = tuple(size)
    if not is_exporting() and x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


class Resizing(nn.Module):
    """A module that resizes maps. The model sets `align_corners`; no constructor takes it."""

    align_corners = False  # True: the centres of the corner pixels stay where they are, at every scale

    def resize(self, x: Tensor, size: Sequence[int]) -> Tensor:
        return resize(x, size, self.align_corners)


def set_align_corners(module: nn.Module, align_corners: bool) -> None:
    """Set how all parts of a module resize."""
    for part in module.modules():
        if isinstance(part, Resizing):
            part.align_corners = align_corners
