"""ICNet's image cascade (https://arxiv.org/abs/1704.08545), as mmsegmentation has it."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, Resizing, initialize
from segbox.models.layers.pyramid_pooling import PyramidPooling
from segbox.registry import BACKBONES

from .resnet import ResNet

# variant: channels of the light branch and of its map, of the pyramid, of the middle and coarse maps, of what comes out
WIDTHS = (32, 64, 512, 256, 128)
VARIANTS = {"18": WIDTHS, "50": WIDTHS, "101": WIDTHS, "test": (4, 8, 16, 8, 8)}
POOL_SCALES = (1, 2, 3, 6)


@BACKBONES.register
class ICNet(Resizing):
    """Three light convolutions see the image; a ResNet sees it at half of its size, and at a quarter from stage 3 on.

    The coarse map is added to the middle one, and their sum to the fine one. The last of three maps, all of stride 8,
    is what comes out of it; the first two are the coarse branch at each sum, for auxiliary heads. (mmsegmentation
    computes the first auxiliary head at stride 16.)
    """

    def __init__(self, variant: str = "50", in_channels: Count = 3) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no ICNet {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = variant
        light, fine, width, middle, channels = VARIANTS[variant]
        self.light = nn.Sequential(
            ConvNormAct(in_channels, light, 3, stride=2),
            ConvNormAct(light, light, 3, stride=2),
            ConvNormAct(light, fine, 3, stride=2),
        )
        self.resnet = ResNet(variant, output_stride=8, in_channels=in_channels, stem="C", dilate_second=False)
        self.resnet.maxpool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.middle = ConvNormAct(self.resnet.channels[2], middle)
        self.pyramid = PyramidPooling(self.resnet.channels[4], width, POOL_SCALES)
        self.mix = ConvNormAct(self.pyramid.out_channels, width, 3)
        self.coarse = ConvNormAct(width, middle)
        self.add_middle = CascadeFusion(middle, middle, channels)
        self.add_fine = CascadeFusion(channels, fine, channels)
        self.channels, self.strides = (channels,) * 3, (8,) * 3
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        fine, resnet = self.light(images), self.resnet
        x = resnet.layer2(resnet.layer1(resnet.maxpool(resnet.stem(self.halved(images)))))
        middle = self.middle(x)
        x = resnet.layer4(resnet.layer3(self.halved(x)))
        x = self.mix(*self.pyramid(x), size=x.shape[-2:], align_corners=self.align_corners)
        coarse, total = self.add_middle(self.coarse(x), middle)
        less_coarse, total = self.add_fine(total, fine)
        return self.resize(coarse, fine.shape[-2:]), less_coarse, total

    def halved(self, x: Tensor) -> Tensor:
        """An odd last row or column is left out."""
        height, width = (torch.sym_max(1, side // 2) for side in x.shape[-2:])
        return self.resize(x[..., : 2 * height, : 2 * width], (height, width))


class CascadeFusion(Resizing):
    """A coarse map at the size of a finer one, and the sum of both."""

    def __init__(self, coarse_channels: int, fine_channels: int, channels: int) -> None:
        super().__init__()
        self.coarse = ConvNormAct(coarse_channels, channels, 3, dilation=2)
        self.fine = ConvNormAct(fine_channels, channels)

    def forward(self, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        coarse = self.coarse(self.resize(coarse, fine.shape[-2:]))
        return coarse, coarse + self.fine(fine)
