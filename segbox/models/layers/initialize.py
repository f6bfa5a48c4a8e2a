"""How new layers begin."""

from torch import nn


def initialize_msra(module: nn.Module) -> None:
    """He et al. (https://arxiv.org/abs/1502.01852) by fan-out for convolutions; norms begin as the identity."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
