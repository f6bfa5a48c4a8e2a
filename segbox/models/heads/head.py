"""The base class of heads."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor

from segbox.models.layers.resize import Resizing

Criterion = Callable[[Tensor, Tensor], dict[str, Tensor]]


class DecodeHead(Resizing, ABC):
    """Feature maps to logits. The base class has no layers and no constructor. A head's constructor gets those of
    `in_channels`, `in_strides` (of all maps, finest first) and `num_classes` that its signature names."""

    sees_images = False  # True: features begin with the normalized images, as a map of stride 1
    reads_tokens = False  # True: the only feature is the Tokens of a plain vision transformer, before its first block

    @abstractmethod
    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        """Logits B K h w, at any scale."""

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        """Losses by name, to be summed. Heads with several outputs override this."""
        return criterion(self(features), labels)


def coarse_levels(in_strides: tuple[int, ...]) -> list[int]:
    """The maps of stride 4 or coarser; if all are finer, the last one."""
    return [i for i, stride in enumerate(in_strides) if stride >= 4] or [len(in_strides) - 1]


def checked_level(level: int, in_channels: tuple[int, ...]) -> int:
    """The index of a map, if there is such a map."""
    if not -len(in_channels) <= level < len(in_channels):
        raise ValueError(f"level={level}: there are {len(in_channels)} maps, the last is -1")
    return level
