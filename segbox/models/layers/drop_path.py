"""Stochastic depth (https://arxiv.org/abs/1603.09382)."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, drops a residual branch for some samples, and scales the others to keep the mean."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"drop path rate {rate!r} is not in 0 <= rate < 1")
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty((x.shape[0], *[1] * (x.ndim - 1))).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)


def drop_rates(last: float, depth: int) -> list[float]:
    """From 0 at the first block to `last` at the last one."""
    return [last * i / max(1, depth - 1) for i in range(depth)]
