"""Segmenter's mask transformer (https://arxiv.org/abs/2105.05633)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.drop_path import drop_rates
from segbox.models.layers.vit_block import TransformerBlock, initialize_transformer
from segbox.registry import HEADS

from .head import DecodeHead

HEAD_CHANNELS = 64  # of one attention head, as in all ViTs of the paper


@HEADS.register
class SegmenterHead(DecodeHead):
    """The cells of the last map and one token for each class pass transformer blocks together. The logits are the
    cosines between cells and classes, with a norm over the classes.

    `channels` defaults to those of the map.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count | None = None,
        depth: Count = 2,
        heads: Count | None = None,
        drop_path: Fraction = 0.1,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        width = channels or in_channels[-1]
        heads = heads or max(1, width // HEAD_CHANNELS)
        self.project = nn.Linear(in_channels[-1], width)
        self.classes = nn.Parameter(torch.zeros(1, num_classes, width))
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, rate, eps) for rate in drop_rates(drop_path, depth))
        self.norm = nn.LayerNorm(width, eps)
        self.project_cells = nn.Linear(width, width, bias=False)
        self.project_classes = nn.Linear(width, width, bias=False)
        self.norm_classes = nn.LayerNorm(num_classes, eps)
        initialize_transformer(self)
        nn.init.trunc_normal_(self.classes, std=0.02)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        size, count = features[-1].shape[-2:], self.classes.shape[1]
        cells = self.project(features[-1].flatten(2).transpose(1, 2))  # B N C
        x = torch.cat([cells, self.classes.expand(cells.shape[0], -1, -1)], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        cells = F.normalize(self.project_cells(x[:, :-count]), dim=2)
        classes = F.normalize(self.project_classes(x[:, -count:]), dim=2)
        logits = self.norm_classes(cells @ classes.mT)  # B N K
        return logits.transpose(1, 2).unflatten(2, size)
