"""Mask2Former (https://arxiv.org/abs/2112.01527), for classes of pixels."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Depth
from segbox.models.layers.deformable_pixel_decoder import DeformablePixelDecoder
from segbox.models.layers.sine_positions import sine_positions
from segbox.models.layers.transformer import AttentionLayer, MLPLayer
from segbox.registry import HEADS

from .head import coarse_levels
from .mask_head import MaskHead, Masks
from .mask_predictor import MaskPredictor


@HEADS.register
class Mask2FormerHead(MaskHead):
    """Queries look at maps in turn, from the coarsest on, each query at the pixels of its own mask so far.

    `num_layers` blocks make `num_layers` + 1 predictions, all of which are trained. `pixel_layers`, `pixel_hidden` and
    `num_points` are of the deformable attention between the maps. The maps of stride 4 and coarser are read: 4, 8, 16
    and 32 in the paper. The first gives the masks' resolution; the queries look at the others, or at the only one.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        mask_channels: Count = 256,
        num_queries: Count = 100,
        num_layers: Depth = 9,
        hidden: Count = 2048,
        num_heads: Count = 8,
        pixel_layers: Depth = 6,
        pixel_hidden: Count = 1024,
        num_points: Count = 4,
    ) -> None:
        super().__init__()
        if channels % 4:
            raise ValueError(f"channels {channels}: sines and cosines of rows and columns need a multiple of 4")
        self.levels = coarse_levels(in_strides)
        widths = [in_channels[i] for i in self.levels]
        self.pixel_decoder = DeformablePixelDecoder(
            widths, channels, mask_channels, pixel_layers, pixel_hidden, num_heads, num_points
        )
        self.level_embedding = nn.Parameter(torch.randn(self.pixel_decoder.num_maps, channels))
        self.queries = nn.Parameter(torch.randn(num_queries, channels))
        self.query_positions = nn.Parameter(torch.randn(num_queries, channels))
        self.blocks = nn.ModuleList(Block(channels, hidden, num_heads) for _ in range(num_layers))
        self.predict = MaskPredictor(channels, mask_channels, num_classes)

    def forward(self, features: tuple[Tensor, ...]) -> Masks:
        pixels, states = self.decode(features)
        return self.predict(states[-1], pixels)

    def layers(self, features: tuple[Tensor, ...]) -> list[Masks]:
        pixels, states = self.decode(features)
        return [self.predict(state, pixels) for state in states]

    def decode(self, features: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
        """The embeddings of pixels, B C h w, and the queries before and after each block, B Q C."""
        pixels, maps = self.pixel_decoder([features[i] for i in self.levels])
        values = [x.flatten(2).mT + level for x, level in zip(maps, self.level_embedding)]
        keys = [value + sine_positions(x, x.shape[1]) for value, x in zip(values, maps)]
        small = [self.resize(pixels, x.shape[-2:]) for x in maps]
        states = [self.queries.expand(pixels.shape[0], -1, -1)]
        for i, block in enumerate(self.blocks):
            level = i % len(maps)
            mask = self.pixels_of(states[-1], small[level])
            states.append(block(states[-1], self.query_positions, keys[level], values[level], mask))
        return pixels, states

    @torch.no_grad()
    def pixels_of(self, queries: Tensor, pixels: Tensor) -> Tensor:
        """Where each query looks: in its mask, or everywhere if its mask is empty. B Q N.

        The mask's logits at the map's size are products with embeddings of that size: both steps are linear.
        """
        is_inside = self.predict.masks(queries, pixels).flatten(2) >= 0
        return is_inside | ~is_inside.any(dim=-1, keepdim=True)


class Block(nn.Module):
    """Attention to a map inside of the masks, attention between queries, and two linear layers."""

    def __init__(self, channels: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.look = AttentionLayer(channels, heads)
        self.exchange = AttentionLayer(channels, heads)
        self.mlp = MLPLayer(channels, hidden)

    def forward(self, x: Tensor, positions: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        x = self.look(x, x + positions, key, value, mask)
        placed = x + positions
        return self.mlp(self.exchange(x, placed, placed, x))
