"""SegFormer's all-MLP decoder (https://arxiv.org/abs/2105.15203)."""

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import DecodeHead, coarse_levels


@HEADS.register
class SegFormerHead(DecodeHead):
    """Projects each map of stride 4 and coarser, resizes all to the finest, and mixes them.

    `channels` is 256 in the paper's B0 and B1, 768 in B2 to B5. `project_norm` adds batch norm and ReLU behind each
    projection, as mmsegmentation does (with 256 channels in all).
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        dropout: Fraction = 0.1,
        project_norm: bool = False,
    ) -> None:
        super().__init__()
        used = [in_channels[i] for i in coarse_levels(in_strides)]
        project = ConvNormAct if project_norm else pointwise
        self.project = nn.ModuleList(project(c, channels) for c in used)
        self.mix = ConvNormAct(len(used) * channels, channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        features = features[-len(self.project) :]
        levels = [project(f) for project, f in zip(self.project, features, strict=True)]
        x = self.mix(*levels, size=features[0].shape[-2:], align_corners=self.align_corners)
        return self.classify(self.dropout(x))


def pointwise(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 1)
