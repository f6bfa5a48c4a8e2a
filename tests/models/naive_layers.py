"""Weights by name and the few operations that the naive networks are written with: no module of segbox is used."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


class Weights:
    """A state dict below a prefix."""

    def __init__(self, state: Mapping[str, Tensor], prefix: str = "") -> None:
        self.state = state
        self.prefix = prefix

    def __getitem__(self, name: str) -> Tensor:
        return self.state[f"{self.prefix}{name}"]

    def has(self, name: str) -> bool:
        return f"{self.prefix}{name}" in self.state

    def below(self, *names: object) -> "Weights":
        return Weights(self.state, self.prefix + "".join(f"{name}." for name in names))

    def count(self, name: str = "") -> int:
        """How many members the list of this name has."""
        start = self.prefix + (f"{name}." if name else "")
        return len({key[len(start) :].split(".")[0] for key in self.state if key.startswith(start)})


def conv(w: Weights, name: str, x: Tensor, **options: object) -> Tensor:
    w = w.below(name) if name else w
    return F.conv2d(x, w["weight"], w["bias"] if w.has("bias") else None, **options)


def norm(w: Weights, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    """Batch norm by its running statistics."""
    w = w.below(name) if name else w
    mean, variance, scale, shift = (
        w[part].view(1, -1, *[1] * (x.dim() - 2)) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + eps).sqrt() * scale + shift


def conv_norm(w: Weights, name: str, x: Tensor, eps: float = 1e-5, **options: object) -> Tensor:
    return norm(w.below(name), "norm", conv(w.below(name), "conv", x, **options), eps)


def conv_norm_relu(w: Weights, name: str, x: Tensor, **options: object) -> Tensor:
    return conv_norm(w, name, x, **options).clamp(min=0)


def numbered(w: Weights, name: str, x: Tensor, **options: object) -> Tensor:
    """Convolution 0 and norm 1 of a sequence, then ReLU."""
    return norm(w.below(name), "1", conv(w.below(name), "0", x, **options)).clamp(min=0)


def up_to(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, corners not aligned."""
    return F.interpolate(x, tuple(size)[-2:], mode="bilinear", align_corners=False)


def mean_of(x: Tensor) -> Tensor:
    return x.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3])


def attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """B C H W, B C h w, B D h w -> B D H W."""
    weights = torch.softmax(scale * torch.einsum("bchw,bckl->bhwkl", query, key).flatten(3), dim=-1)
    return torch.einsum("bhwn,bdn->bdhw", weights, value.flatten(2))
