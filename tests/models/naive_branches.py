"""DDRNet and PIDNet, written once more: functions of weights and images or maps."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_layers import Weights, conv, conv_norm, conv_norm_relu, mean_of, norm, up_to

Maps = tuple[Tensor, ...]
LAYERS = {"0.norm": ("weight", "bias"), "0.conv": ("weight",), "1": ("weight", "bias"), "3": ("weight", "bias")}
OF_BORDERS = tuple(f"find_borders.{layer}.{part}" for layer, parts in LAYERS.items() for part in parts)


def relu(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def shortcut(w: Weights, x: Tensor, stride: int) -> Tensor:
    return conv_norm(w, "downsample", x, stride=stride) if w.has("downsample.conv.weight") else x


def basic(w: Weights, x: Tensor, stride: int = 1) -> Tensor:
    """Without the ReLU behind the sum."""
    y = conv_norm_relu(w, "conv1", x, stride=stride, padding=1)
    return conv_norm(w, "conv2", y, padding=1) + shortcut(w, x, stride)


def bottleneck(w: Weights, x: Tensor, stride: int = 1) -> Tensor:
    y = conv_norm_relu(w, "conv2", conv_norm_relu(w, "conv1", x), stride=stride, padding=1)
    return conv_norm(w, "conv3", y) + shortcut(w, x, stride)


def basics(w: Weights, x: Tensor, stride: int = 1) -> Tensor:
    """Two blocks, a ReLU between them."""
    return basic(w.below(1), relu(basic(w.below(0), x, stride)))


def stem(w: Weights, x: Tensor) -> Tensor:
    for i in (0, 1):
        x = conv_norm_relu(w, str(i), x, stride=2, padding=1)
    return relu(basics(w.below(4), relu(basics(w.below(2), x)), 2))


def norm_relu_conv(w: Weights, name: str, x: Tensor, **options: object) -> Tensor:
    return conv(w, f"{name}.conv", relu(norm(w, f"{name}.norm", x)), **options)


def pooled(w: Weights, x: Tensor, parallel: bool) -> Tensor:
    first = norm_relu_conv(w, "scales.0", x)
    means = []
    for reach, stride in ((2, 2), (4, 4), (8, 8)):  # zeros outside are counted
        padded = F.pad(x, (reach,) * 4)
        side = 2 * reach + 1
        means.append(padded.unfold(2, side, stride).unfold(3, side, stride).mean((4, 5)))
    means.append(mean_of(x))
    wide = [up_to(norm_relu_conv(w, f"scales.{i}.1", mean), x.shape) for i, mean in enumerate(means, 1)]
    if parallel:
        joined = torch.cat([y + first for y in wide], dim=1)
        parts = [first, norm_relu_conv(w, "processes", joined, padding=1, groups=4)]
    else:
        parts = [first]
        for i, y in enumerate(wide):
            parts.append(norm_relu_conv(w, f"processes.{i}", y + parts[-1], padding=1))
    return norm_relu_conv(w, "compression", torch.cat(parts, dim=1)) + norm_relu_conv(w, "shortcut", x)


def ddrnet(w: Weights, images: Tensor) -> list[Tensor]:
    deep, fine = w.below("context_branch_layers"), w.below("spatial_branch_layers")
    x = stem(w.below("stem"), images)
    c, s = basics(deep.below(0), x, 2), basics(fine.below(0), x)
    c, s = (
        c + conv_norm(w, "down_1", relu(s), stride=2, padding=1),
        s + up_to(conv_norm(w, "compression_1", relu(c)), s.shape),
    )
    middle = s
    c, s = basics(deep.below(1), relu(c), 2), basics(fine.below(1), relu(s))
    down = conv_norm_relu(w, "down_2.0", relu(s), stride=2, padding=1)
    c, s = (
        c + conv_norm(w, "down_2.1", down, stride=2, padding=1),
        s + up_to(conv_norm(w, "compression_2", relu(c)), s.shape),
    )
    c, s = bottleneck(deep.below(2, 0), relu(c), 2), bottleneck(fine.below(2, 0), relu(s))
    return [middle, s + up_to(pooled(w.below("spp"), c, False), s.shape)]


def pidnet(w: Weights, images: Tensor, light: bool = True) -> list[Tensor]:
    context, detail, border = (w.below(f"{name}_branch_layers") for name in "ipd")
    x = stem(w.below("stem"), images)
    i, p, d = relu(basics(context.below(0), x, 2)), basics(detail.below(0), x), basic(border.below(0), x)
    p = guided(w.below("pag_1"), p, conv_norm(w, "compression_1", i))
    d = d + up_to(conv_norm(w, "diff_1", i, padding=1), d.shape)
    first = p
    i, p = relu(basics(context.below(1), i, 2)), basics(detail.below(1), relu(p))
    d = bottleneck(border.below(1, 0), relu(d)) if light else basic(border.below(1), relu(d))
    p = guided(w.below("pag_2"), p, conv_norm(w, "compression_2", i))
    d = d + up_to(conv_norm(w, "diff_2", i, padding=1), d.shape)
    borders = d
    i = bottleneck(context.below(2, 1), bottleneck(context.below(2, 0), i, 2))
    i = up_to(pooled(w.below("spp"), i, light), p.shape)
    p, d = bottleneck(detail.below(2, 0), relu(p)), torch.sigmoid(bottleneck(border.below(2, 0), relu(d)))
    w = w.below("dfm")
    if not light:
        return [first, borders, norm_relu_conv(w, "conv", d * p + (1 - d) * i, padding=1)]
    return [first, borders, conv_norm(w, "f_p", p + i - d * i) + conv_norm(w, "f_i", i + d * p)]


def guided(w: Weights, p: Tensor, i: Tensor) -> Tensor:
    agreement = torch.einsum("bchw,bchw->bhw", conv_norm(w, "f_p", p), up_to(conv_norm(w, "f_i", i), p.shape))
    share = torch.sigmoid(agreement)[:, None]
    return p + share * (up_to(i, p.shape) - p)


def ddr_head(w: Weights, maps: Maps, level: int = -1) -> Tensor:
    return conv(w, "classify", between_norms(w.below("convolve"), maps[level]))


def pid_head(w: Weights, maps: Maps) -> dict[str, Tensor]:
    """Its loss is counted twice."""
    logits = ddr_head(w, maps)
    return {"": logits, "near_borders": logits}


def between_norms(w: Weights, x: Tensor) -> Tensor:
    return relu(norm(w, "1", norm_relu_conv(w, "0", x, padding=1)))
