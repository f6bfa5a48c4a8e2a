"""The contract of mask classification (https://arxiv.org/abs/2107.06278): queries that each give a class and a mask."""

from abc import abstractmethod

from torch import Tensor

from segbox.models.layers.masks import Masks

from .head import DecodeHead


class MaskHead(DecodeHead):
    """A head whose queries predict masks and their classes. Its criterion sees the predictions of all layers."""

    @abstractmethod
    def forward(self, features: tuple[Tensor, ...]) -> Masks:
        """The last layer's predictions: those that a class map is made of."""

    @abstractmethod
    def layers(self, features: tuple[Tensor, ...]) -> list[Masks]:
        """The predictions of all layers that are trained; the last ones are those of `forward`."""

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion) -> dict[str, Tensor]:
        return criterion(self.layers(features), labels)
