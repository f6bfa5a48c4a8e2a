"""How new layers begin."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class ResidualBlock(nn.Module, ABC):
    """A block that adds a branch to what it is given; it says which norm ends that branch."""

    @property
    @abstractmethod
    def last_norm(self) -> nn.Module | None:
        """None where this one of the blocks adds nothing (another size, no shortcut)."""


def initialize(module: nn.Module, method: str = "msra", zero_gamma: bool = False) -> None:
    """Convolutions by He et al. ("msra", https://arxiv.org/abs/1502.01852) or Glorot and Bengio ("xavier").

    Norms begin as the identity; `zero_gamma` makes each residual block one too (https://arxiv.org/abs/1706.02677).
    Everything below `module` begins anew, so layers that want another beginning are set after this.
    """
    if method not in METHODS:
        raise ValueError(f"there is no initialization {method!r}; there are: {', '.join(METHODS)}")
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            METHODS[method](layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, NORMS) and layer.weight is not None:
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
    if zero_gamma:
        for block in module.modules():
            if isinstance(block, ResidualBlock) and block.last_norm is not None:
                nn.init.zeros_(block.last_norm.weight)


def msra(weight: Tensor) -> None:
    """By fan-out: the gradient keeps its scale on its way back through ReLUs."""
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm)
METHODS = {"msra": msra, "xavier": nn.init.xavier_uniform_}
