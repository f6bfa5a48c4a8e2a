"""PSANet's point-wise spatial attention
(https://openaccess.thecvf.com/content_ECCV_2018/html/Hengshuang_Zhao_PSANet_Point-wise_Spatial_ECCV_2018_paper.html).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import DecodeHead

DIRECTIONS = ("collect", "distribute")


@HEADS.register
class PSAHead(DecodeHead):
    """Each pixel collects from all others, and distributes to all others, by weights that it predicts for its offsets.

    The offsets fill a mask of `mask_size` around the pixel; pixels beyond it have the logit 0. For a crop, a mask of
    its size at stride 8 reaches everywhere, as the attention is computed at stride 16. How maps are halved and doubled
    depends on their size, not on the model's `align_corners`: corners are aligned if both sides are odd.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        mask_size: tuple[Count, Count] = (97, 97),
        directions: tuple[str, ...] = DIRECTIONS,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if tuple(directions) not in (DIRECTIONS, *((one,) for one in DIRECTIONS)):
            raise ValueError(f"directions {tuple(directions)}: expected {DIRECTIONS}, or one of them")
        width = in_channels[-1]
        self.reduce = nn.ModuleDict({name: ConvNormAct(width, channels) for name in directions})
        self.attention = nn.ModuleDict({name: PointAttention(channels, mask_size, name) for name in directions})
        self.expand = ConvNormAct(len(directions) * channels, width)
        self.fuse = ConvNormAct(2 * width, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[-1]
        height, width = x.shape[-2:]
        is_odd = height % 2 * (width % 2)  # both sides
        half = [torch.sym_max(1, side // 2 + is_odd) for side in (height, width)]
        gathered = []
        for name, attention in self.attention.items():
            gathered.append(attention(resample(self.reduce[name](x), half, is_odd)))
        y = self.expand(F.pad(torch.cat(gathered, dim=1), (1, 1, 1, 1)))  # as in the authors' code: with a border
        y = resample(y, (height, width), is_odd)
        return self.classify(self.dropout(self.fuse(torch.cat([x, y], dim=1))))


class PointAttention(nn.Module):
    """B C h w -> B C h w. To collect, a pixel weighs the pixels that it reads by a softmax; to distribute, the pixels
    that it is read by predict the weights, and the softmax is over these predictions."""

    def __init__(self, channels: int, mask_size: tuple[int, int], direction: str) -> None:
        super().__init__()
        self.mask_size = tuple(mask_size)
        self.direction = direction
        self.predict = nn.Sequential(
            ConvNormAct(channels, channels), nn.Conv2d(channels, mask_size[0] * mask_size[1], 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        by_offset = self.predict(x).unflatten(1, self.mask_size)  # B mask_h mask_w h w
        logits = by_place(by_place(by_offset, 1), 2).flatten(3).flatten(1, 2)  # B, places, pixels that predict
        logits = logits if self.direction == "collect" else logits.mT
        return (x.flatten(2) @ logits.softmax(dim=1).to(x.dtype)).unflatten(2, x.shape[-2:])


def by_place(mask: Tensor, axis: int) -> Tensor:
    """B mask_h mask_w h w, one of the mask's axes -> this axis by the place in the map, in place of the offset from the
    pixel to that place. Places that the mask does not reach are 0."""
    length, reach = mask.shape[axis + 2], mask.shape[axis]
    places = torch.arange(length, device=mask.device)
    offsets = places[:, None] - places + (reach - 1) // 2  # place, pixel
    ours, shape = [1] * mask.dim(), list(mask.shape)
    ours[axis] = ours[axis + 2] = shape[axis] = length
    is_reached = ((offsets >= 0) & (offsets < reach)).view(ours)
    return mask.gather(axis, offsets.clamp(0, reach - 1).view(ours).expand(shape)) * is_reached


def resample(x: Tensor, size: tuple[int, int], is_aligned: int) -> Tensor:
    """Bilinear, with aligned corners if `is_aligned` is 1, not if it is 0. As that is a number, an exported graph is
    right for all sizes."""
    sides = zip(x.shape[-2:], size, strict=True)
    rows, columns = (bilinear_weights(old, new, is_aligned, x.device).to(x.dtype) for old, new in sides)
    return rows @ (x @ columns.mT)


def bilinear_weights(old: int, new: int, is_aligned: int, device: torch.device) -> Tensor:
    """new, old: the weights of the old pixels in each new one."""
    pixels = torch.arange(new, device=device).double()
    aligned = pixels * (old - 1) / torch.sym_max(1, new - 1)
    plain = ((pixels + 0.5) * old / new - 0.5).clamp(min=0)
    places = (plain + (aligned - plain) * is_aligned).clamp(max=old - 1)
    return (1 - (places[:, None] - torch.arange(old, device=device)).abs()).clamp(min=0)
