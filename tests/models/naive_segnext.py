"""SegNeXt's backbone and head, written once more from the paper: functions of weights and images or maps."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_layers import Weights, conv, norm, up_to


def mscan(w: Weights, x: Tensor) -> list[Tensor]:
    maps = []
    for i in range(1, 5):
        embed = w.below(f"patch_embed{i}")
        if i == 1:
            x = F.gelu(norm(embed, "proj.1", conv(embed, "proj.0", x, stride=2, padding=1)))
            x = norm(embed, "proj.4", conv(embed, "proj.3", x, stride=2, padding=1))
        else:
            x = norm(embed, "norm", conv(embed, "proj", x, stride=2, padding=1))
        for j in range(w.count(f"block{i}")):
            x = block(w.below(f"block{i}", j), x)
        mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
        scale, shift = (w[f"norm{i}.{part}"].view(-1, 1, 1) for part in ("weight", "bias"))
        x = (x - mean) / (variance + 1e-5).sqrt() * scale + shift
        maps.append(x)
    return maps


def block(w: Weights, x: Tensor) -> Tensor:
    y = norm(w, "norm1", x)
    x = x + w["layer_scale_1"].view(-1, 1, 1) * (y + conv(w, "attn.proj_2", gated(w.below("attn"), y)))
    y = conv(w, "mlp.fc1", norm(w, "norm2", x))
    y = F.gelu(conv(w, "mlp.dwconv", y, padding=1, groups=y.shape[1]))
    return x + w["layer_scale_2"].view(-1, 1, 1) * conv(w, "mlp.fc2", y)


def gated(w: Weights, x: Tensor) -> Tensor:
    x = F.gelu(conv(w, "proj_1", x))
    w, channels = w.below("spatial_gating_unit"), x.shape[1]
    near = conv(w, "conv0", x, padding=2, groups=channels)
    total = near
    for i, reach in enumerate((3, 5, 10)):
        y = conv(w, f"conv{i}_1", near, padding=(0, reach), groups=channels)
        total = total + conv(w, f"conv{i}_2", y, padding=(reach, 0), groups=channels)
    return conv(w, "conv3", total) * x


def first_bases(channels: int, rank: int) -> Tensor:
    bases = torch.from_numpy(np.random.RandomState(0).random_sample((channels, rank)))
    return bases / bases.square().sum(0).sqrt()


def light_ham(w: Weights, maps: tuple[Tensor, ...], rank: int = 16, steps: int = 7) -> Tensor:
    joined = torch.cat([up_to(x, maps[2].shape) for x in maps[2:]], dim=1)
    x = grouped(w, "squeeze", joined).clamp(min=0)
    entered = conv(w, "enter", x).clamp(min=0)
    parts = [factorized(pixels.flatten(1), rank, steps).view_as(pixels) for pixels in entered]
    x = (x + grouped(w, "leave", torch.stack(parts))).clamp(min=0)
    return conv(w, "classify", grouped(w, "align", x).clamp(min=0))


def grouped(w: Weights, name: str, x: Tensor) -> Tensor:
    """1x1 and a norm of 32 groups."""
    x = conv(w, f"{name}.0", x)
    groups = x.view(len(x), 32, -1)
    mean, variance = groups.mean(2, keepdim=True), groups.var(2, keepdim=True, unbiased=False)
    x = ((groups - mean) / (variance + 1e-5).sqrt()).view_as(x)
    return x * w[f"{name}.1.weight"].view(-1, 1, 1) + w[f"{name}.1.bias"].view(-1, 1, 1)


def factorized(pixels: Tensor, rank: int, steps: int) -> Tensor:
    """C N. The multiplicative updates of Lee and Seung; the shares are updated once more at the end."""
    bases = first_bases(len(pixels), rank)
    shares = torch.softmax(bases.T @ pixels, dim=0)  # R N
    for _ in range(steps):
        shares = shares * (bases.T @ pixels) / (bases.T @ bases @ shares + 1e-6)
        bases = bases * (pixels @ shares.T) / (bases @ (shares @ shares.T) + 1e-6)
    shares = shares * (bases.T @ pixels) / (bases.T @ bases @ shares + 1e-6)
    return bases @ shares
