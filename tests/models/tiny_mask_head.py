"""A small head that predicts masks, for tests. It is not registered: the fixture `mask_head` does it for one test."""

import torch
from torch import Tensor, nn

from segbox.models.heads.mask_head import MaskHead
from segbox.models.layers.masks import Masks


class TinyMaskHead(MaskHead):
    """Queries that look once at the last map; masks are products with the map before the last."""

    def __init__(self, in_channels: tuple[int, ...], num_classes: int, num_queries: int = 9, channels: int = 8) -> None:
        super().__init__()
        self.pixels = nn.Conv2d(in_channels[-2], channels, 1)
        self.places = nn.Conv2d(in_channels[-1], channels, 1)
        self.queries = nn.Embedding(num_queries, channels)
        self.look = nn.Linear(channels, channels)
        self.classify = nn.Linear(channels, num_classes + 1)
        self.mask = nn.Linear(channels, channels)

    def forward(self, features: tuple[Tensor, ...]) -> Masks:
        return self.layers(features)[-1]

    def layers(self, features: tuple[Tensor, ...]) -> list[Masks]:
        pixels, places = self.pixels(features[-2]), self.places(features[-1]).flatten(2)
        before = self.queries.weight.expand(pixels.shape[0], -1, -1)
        after = before + (self.look(before) @ places).softmax(dim=2) @ places.mT
        return [self.predict(queries, pixels) for queries in (before, after)]

    def predict(self, queries: Tensor, pixels: Tensor) -> Masks:
        return Masks(self.classify(queries), torch.einsum("bqc,bchw->bqhw", self.mask(queries), pixels))
