"""The linear probe of frozen transformers, as in DINOv2 (https://arxiv.org/abs/2304.07193)."""

from torch import Tensor, nn

from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class LinearHead(DecodeHead):
    """Batch norm and a 1x1 convolution on the last map: measures the features themselves.

    Without the `norm` it is the convolution alone, as where the backbone learns, too (https://arxiv.org/abs/2404.12172).
    """

    def __init__(self, in_channels: tuple[int, ...], num_classes: int, norm: bool = True) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels[-1]) if norm else nn.Identity()
        self.classify = nn.Conv2d(in_channels[-1], num_classes, 1)
        nn.init.normal_(self.classify.weight, std=0.01)
        nn.init.zeros_(self.classify.bias)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.norm(features[-1]))
