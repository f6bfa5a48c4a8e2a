"""Heads that end in a classifier of pixels."""

from abc import abstractmethod

from torch import Tensor, nn

from .head import DecodeHead


class PixelHead(DecodeHead):
    """A head whose last layers are dropout and a 1x1 convolution to the classes."""

    dropout: nn.Module
    classify: nn.Conv2d

    @abstractmethod
    def pixels(self, features: tuple[Tensor, ...]) -> Tensor:
        """B C h w: what is classified."""

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.pixels(features)))
