"""LinkNet's decoder as in segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch)."""

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class SMPLinkNetHead(DecodeHead):
    """Narrow transposed 4x4 convolutions from map to map, each map of the backbone added; logits at twice the finest.

    `channels` are those of the last block.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 32,
        norm: bool = True,
    ) -> None:
        super().__init__()
        widths, strides = [*in_channels[::-1], channels], in_strides[::-1]  # coarse to fine
        factors = [a // b for a, b in zip(strides, strides[1:])] + [1 if strides[-1] == 1 else 2]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *convolution(a, max(1, a // 4), norm),
                *up_convolution(max(1, a // 4), factor, norm),
                *convolution(max(1, a // 4), b, norm),
            )
            for a, b, factor in zip(widths, widths[1:], factors)
        )
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[-1]
        for block, skip in zip(self.blocks, features[-2::-1]):
            x = skip + self.resize(block(x), skip.shape[-2:])
        return self.classify(self.blocks[-1](x))


def convolution(in_channels: int, out_channels: int, norm: bool) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 1, bias=not norm), *norm_act(out_channels, norm)]


def up_convolution(channels: int, factor: int, norm: bool) -> list[nn.Module]:
    """A transposed 4x4 convolution that doubles the size, or a 3x3 that keeps it; other factors alike."""
    kernel = 3 if factor == 1 else 2 * factor
    up = nn.ConvTranspose2d(channels, channels, kernel, factor, (kernel - factor) // 2)
    return [up, *norm_act(channels, norm)]


def norm_act(channels: int, norm: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels) if norm else nn.Identity(), nn.ReLU(inplace=True)]
