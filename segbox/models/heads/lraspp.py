"""MobileNetV3's segmentation head, lite reduced ASPP (https://arxiv.org/abs/1905.02244)."""

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class LRASPPHead(DecodeHead):
    """Scores of the last map, gated by its own average, plus scores of the finest one of stride 8 or more, if any."""

    def __init__(
        self, in_channels: tuple[int, ...], in_strides: tuple[int, ...], num_classes: int, channels: Count = 128
    ) -> None:
        super().__init__()
        self.fine_level = next((i for i, stride in enumerate(in_strides) if stride >= 8), len(in_strides) - 1)
        self.reduce = ConvNormAct(in_channels[-1], channels)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels[-1], channels, 1, bias=False), nn.Sigmoid()
        )
        self.classify = nn.Conv2d(channels, num_classes, 1)
        self.classify_fine = nn.Conv2d(in_channels[self.fine_level], num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        fine, last = features[self.fine_level], features[-1]
        x = self.resize(self.reduce(last) * self.gate(last), fine.shape[-2:])
        return self.classify(x) + self.classify_fine(fine)
