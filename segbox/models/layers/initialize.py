"""Initial values of new layers."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class ResidualBlock(nn.Module, ABC):
    """A block that adds a branch to its input; `last_norm` is the norm at the end of that branch."""

    @property
    @abstractmethod
    def last_norm(self) -> nn.Module | None:
        """None for a block without a shortcut (its output has another size)."""


def initialize(module: nn.Module, method: str = "msra", zero_init_residual: bool = False) -> None:
    """Convolutions by He et al. ("msra", https://arxiv.org/abs/1502.01852) or Glorot and Bengio ("xavier").

    Norms start as the identity. `zero_init_residual` sets the last scale of each residual branch to zero, so each block
    starts as the identity too (https://arxiv.org/abs/1706.02677). All layers of `module` are initialized again; layers
    that need other initial values must get them afterwards.
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
    if zero_init_residual:
        for block in module.modules():
            if isinstance(block, ResidualBlock) and block.last_norm is not None:
                nn.init.zeros_(block.last_norm.weight)


def msra(weight: Tensor) -> None:
    """By fan-out, which keeps the scale of the gradient through ReLUs."""
    if weight.is_meta:  # it has no numbers, and drawing none takes PyTorch milliseconds a layer
        return
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm)
METHODS = {"msra": msra, "xavier": nn.init.xavier_uniform_}
