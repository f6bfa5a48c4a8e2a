"""DDRNet (https://arxiv.org/abs/2101.06085). The names of the parameters are mmsegmentation's."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, initialize, resize
from segbox.models.layers.two_branches import PyramidPooling, basics, bottlenecks, stem
from segbox.registry import BACKBONES

# variant: channels of the stem, channels in the pyramid pooling
VARIANTS = {"23-slim": (32, 128), "23": (64, 128), "test": (4, 4)}


@BACKBONES.register
class DDRNet(nn.Module):
    """A branch that stays at stride 8 and one that goes to stride 64; they exchange their maps twice, and are summed.

    Two maps of stride 8: the fine branch after the first exchange, for an auxiliary head, and the sum. Between the
    branches, corners are never aligned.
    """

    def __init__(self, variant: str = "23-slim", in_channels: Count = 3) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no DDRNet {variant!r}; variants: {', '.join(VARIANTS)}")
        c, pooled = VARIANTS[variant]
        self.stem = stem(in_channels, c, 2)
        self.context_branch_layers = nn.ModuleList(
            [basics(2 * c, 4 * c, 2, 2), basics(4 * c, 8 * c, 2, 2), bottlenecks(8 * c, 8 * c, stride=2)]
        )
        self.spatial_branch_layers = nn.ModuleList(
            [basics(2 * c, 2 * c, 2), basics(2 * c, 2 * c, 2), bottlenecks(2 * c, 2 * c)]
        )
        self.compression_1 = ConvNormAct(4 * c, 2 * c, act=None)
        self.down_1 = ConvNormAct(2 * c, 4 * c, 3, 2, act=None)
        self.compression_2 = ConvNormAct(8 * c, 2 * c, act=None)
        self.down_2 = nn.Sequential(ConvNormAct(2 * c, 4 * c, 3, 2), ConvNormAct(4 * c, 8 * c, 3, 2, act=None))
        self.spp = PyramidPooling(16 * c, pooled, 4 * c, parallel=False)
        self.channels, self.strides = (2 * c, 4 * c), (8, 8)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        fine = coarse = self.stem(images)
        exchanges = [(self.compression_1, self.down_1), (self.compression_2, self.down_2)]
        fines = []
        for (up, down), context, spatial in zip(exchanges, self.context_branch_layers, self.spatial_branch_layers):
            coarse, fine = context(coarse), spatial(fine)
            added = resize(up(torch.relu(coarse)), fine.shape[-2:])
            coarse = torch.relu(coarse + down(torch.relu(fine)))
            fines.append(fine + added)
            fine = torch.relu(fines[-1])
        fine = self.spatial_branch_layers[2](fine)
        context = self.spp(self.context_branch_layers[2](coarse))
        return fines[0], fine + resize(context, fine.shape[-2:])
