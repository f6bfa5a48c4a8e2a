"""PIDNet (https://arxiv.org/abs/2206.02066). The names of the parameters are mmsegmentation's."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, initialize, resize
from segbox.models.layers.norm_act_conv import NormActConv
from segbox.models.layers.two_branches import Basic, PyramidPooling, basics, bottlenecks, stem
from segbox.registry import BACKBONES

# variant: channels of the stem, channels in the pooling, blocks of a row in the stem, in the deep branch, light?
VARIANTS = {
    "s": (32, 96, 2, 3, True),
    "m": (64, 96, 2, 3, True),
    "l": (64, 112, 3, 4, False),
    "test": (4, 4, 2, 2, True),
    "test-l": (4, 4, 2, 2, False),
}


@BACKBONES.register
class PIDNet(nn.Module):
    """Three branches: detail at stride 8, context down to stride 64, and borders, by which the other two are mixed.

    Three maps of stride 8: the detail and the border branch after their last exchange, for an auxiliary head and for
    the borders of PIDHead, and the mixture. Between the branches, corners are never aligned.
    """

    def __init__(self, variant: str = "s", in_channels: Count = 3) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no PIDNet {variant!r}; variants: {', '.join(VARIANTS)}")
        c, pooled, few, many, light = VARIANTS[variant]
        self.stem = stem(in_channels, c, few)
        self.i_branch_layers = nn.ModuleList(
            [basics(2 * c, 4 * c, many, 2), basics(4 * c, 8 * c, many, 2), bottlenecks(8 * c, 8 * c, 2, 2)]
        )
        self.p_branch_layers = nn.ModuleList(
            [basics(2 * c, 2 * c, few), basics(2 * c, 2 * c, few), bottlenecks(2 * c, 2 * c)]
        )
        width = c if light else 2 * c  # of the border branch
        second = bottlenecks(width, width) if light else Basic(width, width, act=False)
        self.d_branch_layers = nn.ModuleList([Basic(2 * c, width, act=False), second, bottlenecks(2 * c, 2 * c)])
        self.compression_1 = ConvNormAct(4 * c, 2 * c, act=None)
        self.compression_2 = ConvNormAct(8 * c, 2 * c, act=None)
        self.pag_1, self.pag_2 = Guide(2 * c, c), Guide(2 * c, c)
        self.diff_1 = ConvNormAct(4 * c, width, 3, act=None)
        self.diff_2 = ConvNormAct(8 * c, 2 * c, 3, act=None)
        self.spp = PyramidPooling(16 * c, pooled, 4 * c, parallel=light)
        self.dfm = LightMixture(4 * c) if light else Mixture(4 * c)
        self.channels, self.strides = (2 * c, 2 * c, 4 * c), (8, 8, 8)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        p = i = d = self.stem(images)
        exchanges = [(self.compression_1, self.pag_1, self.diff_1), (self.compression_2, self.pag_2, self.diff_2)]
        branches = zip(self.i_branch_layers, self.p_branch_layers, self.d_branch_layers)
        firsts = []
        for (compress, guide, diff), (deepen, keep, border) in zip(exchanges, branches):
            i = torch.relu(deepen(i))
            p = guide(keep(torch.relu(p)), compress(i))
            d = border(torch.relu(d))
            d = d + resize(diff(i), d.shape[-2:])
            firsts.append(p)
        detail, borders = firsts[0], d
        i = resize(self.spp(self.i_branch_layers[2](i)), p.shape[-2:])
        p = self.p_branch_layers[2](torch.relu(p))
        d = self.d_branch_layers[2](torch.relu(d))
        return detail, borders, self.dfm(p, i, d)


class Guide(nn.Module):
    """Of each pixel, as much of the context as agrees with the detail."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.f_i = ConvNormAct(in_channels, channels, act=None)
        self.f_p = ConvNormAct(in_channels, channels, act=None)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        size = detail.shape[-2:]
        agreement = (self.f_p(detail) * resize(self.f_i(context), size)).sum(1, keepdim=True)
        share = torch.sigmoid(agreement)
        return share * resize(context, size) + (1 - share) * detail


class Mixture(nn.Module):
    """Detail where there are borders, context elsewhere; then a 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = NormActConv(channels, channels, 3)

    def forward(self, detail: Tensor, context: Tensor, borders: Tensor) -> Tensor:
        share = torch.sigmoid(borders)
        return self.conv(share * detail + (1 - share) * context)


class LightMixture(nn.Module):
    """The sum of two 1x1 convolutions: of the detail with the context off borders, of the context with the detail on
    them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.f_p = ConvNormAct(channels, channels, act=None)
        self.f_i = ConvNormAct(channels, channels, act=None)

    def forward(self, detail: Tensor, context: Tensor, borders: Tensor) -> Tensor:
        share = torch.sigmoid(borders)
        return self.f_p(detail + (1 - share) * context) + self.f_i(context + share * detail)
