"""Squeeze and excitation (https://arxiv.org/abs/1709.01507)."""

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Each channel multiplied by a gate computed from the averages of all channels."""

    def __init__(self, channels: int, squeezed: int, bias: bool = True, gate: type[nn.Module] = nn.Sigmoid) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1, bias=bias)
        self.fc2 = nn.Conv2d(squeezed, channels, 1, bias=bias)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        averages = x.mean((2, 3), keepdim=True)  # B C 1 1
        return x * self.gate(self.fc2(self.fc1(averages).relu()))
