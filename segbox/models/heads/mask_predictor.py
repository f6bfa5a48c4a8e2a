"""The predictions of queries (https://arxiv.org/abs/2107.06278): a class and a mask for each."""

import torch
from torch import Tensor, nn

from .mask_head import Masks

NO_OBJECT = 1


class MaskPredictor(nn.Module):
    """Queries B Q C and embeddings of pixels B M h w to logits of classes B Q K+1 and of masks B Q h w.

    A mask's logits are the products of the query's embedding with those of the pixels.
    """

    def __init__(self, channels: int, mask_channels: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.classify = nn.Linear(channels, num_classes + NO_OBJECT)
        widths = (channels, channels, mask_channels)
        self.embed = nn.ModuleList(nn.Linear(channels, width) for width in widths)

    def forward(self, queries: Tensor, pixels: Tensor) -> Masks:
        return Masks(self.classify(self.norm(queries)), self.masks(queries, pixels))

    def masks(self, queries: Tensor, pixels: Tensor) -> Tensor:
        first, second, last = self.embed
        x = last(second(first(self.norm(queries)).relu()).relu())
        return torch.einsum("bqc,bchw->bqhw", x, pixels)
