"""The backbones' tiny variants, written once more from their papers: functions of weights and images."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_heads import stack
from tests.models.naive_layers import Weights, conv, conv_norm, conv_norm_relu, mean_of, norm

Maps = list[Tensor]


def resnet(
    w: Weights,
    x: Tensor,
    is_bottleneck: bool = True,
    stem: str = "plain",
    dilations: tuple[int, ...] = (1, 1, 1, 1),
    keeps_strides: bool = False,
    multi_grid: tuple[int, ...] = (),
    dilates_second: bool = True,
) -> Maps:
    """One, one, one and two blocks; the first of the last three stages has the stride, unless there is dilation."""
    if stem == "plain":
        x = norm(w, "bn1", conv(w, "conv1", x, stride=2, padding=3)).clamp(min=0)
    for i in range(3 if stem != "plain" else 0):
        x = norm(w, f"stem.{3 * i + 1}", conv(w, f"stem.{3 * i}", x, stride=2 if i == 0 else 1, padding=1))
        x = x.clamp(min=0)
    maps = [x]
    x = F.max_pool2d(x, 3, 2, 1)
    before = 1
    for i, dilation in enumerate(dilations):
        for j in range(2 if i == 3 else 1):
            stride = 2 if i > 0 and j == 0 and (keeps_strides or dilation == 1) else 1
            own = w.below(f"layer{i + 1}", j)
            # A stage that gives up its stride is dilated, all but its first block, which has the dilation before it.
            rate = before if j == 0 else dilation
            rate = multi_grid[j] if multi_grid and i == 3 else rate
            if is_bottleneck:
                x = bottleneck(own, x, stride, rate, stem in ("D", "E"))
            else:
                x = basic(own, x, stride, rate, rate if dilates_second else 1, stem in ("D", "E"))
        before = dilation
        maps.append(x)
    return maps


def bottleneck(w: Weights, x: Tensor, stride: int, rate: int, pooled: bool) -> Tensor:
    y = norm(w, "bn1", conv(w, "conv1", x)).clamp(min=0)
    y = norm(w, "bn2", conv(w, "conv2", y, stride=stride, padding=rate, dilation=rate)).clamp(min=0)
    y = norm(w, "bn3", conv(w, "conv3", y))
    return (squeezed(w, y) + shortcut(w, x, stride, pooled)).clamp(min=0)


def basic(w: Weights, x: Tensor, stride: int, rate: int, second: int, pooled: bool) -> Tensor:
    y = norm(w, "bn1", conv(w, "conv1", x, stride=stride, padding=rate, dilation=rate)).clamp(min=0)
    y = norm(w, "bn2", conv(w, "conv2", y, padding=second, dilation=second))
    return (squeezed(w, y) + shortcut(w, x, stride, pooled)).clamp(min=0)


def squeezed(w: Weights, x: Tensor) -> Tensor:
    if not w.has("se.fc1.weight"):
        return x
    return x * torch.sigmoid(conv(w, "se.fc2", conv(w, "se.fc1", mean_of(x)).clamp(min=0)))


def shortcut(w: Weights, x: Tensor, stride: int, pooled: bool) -> Tensor:
    """ResNet-D's averages over 2x2, of what there is at an odd edge, and then 1x1; else 1x1 with the stride."""
    if not w.has("downsample.0.weight") and not w.has("downsample.1.weight"):
        return x
    if not pooled:
        return norm(w, "downsample.1", conv(w, "downsample.0", x, stride=stride))
    height, width = x.shape[-2:]
    ones = F.pad(torch.ones_like(x), (0, width % stride, 0, height % stride))
    x = F.pad(x, (0, width % stride, 0, height % stride))
    x = F.avg_pool2d(x, stride) / F.avg_pool2d(ones, stride)
    return norm(w, "downsample.2", conv(w, "downsample.1", x))


def vgg(w: Weights, x: Tensor, taps: str = "pooled") -> Maps:
    """One convolution in each of five stages, two in the last, each with a ReLU; pools of 2x2 behind the stages."""
    w = w.below("features")
    maps, place, has_norm = [], 0, w.has("1.running_mean")
    for count in (1, 1, 1, 1, 2):
        for _ in range(count):
            x = conv(w, str(place), x, padding=1)
            x = (norm(w, str(place + 1), x) if has_norm else x).clamp(min=0)
            place += 3 if has_norm else 2
        pooled = F.max_pool2d(x, 2, ceil_mode=True)
        maps.append(pooled if taps == "pooled" else x)
        x, place = pooled, place + 1
    return maps


def unet(w: Weights, x: Tensor) -> Maps:
    maps = []
    for i in range(5):
        x = stack(w.below("levels", i), F.max_pool2d(x, 2, ceil_mode=True) if i else x)
        maps.append(x)
    return maps


def mobilenet_v1(w: Weights, x: Tensor, highest: float | None = 6) -> Maps:
    """`highest`: of the activations, in ReLU6; None in ReLU."""
    x = conv_norm(w, "features.0", x, stride=2, padding=1).clamp(0, highest)
    maps = {}
    for i, stride in enumerate((1, 2, 2, 2, 2, 1), 1):
        own = w.below("features", i)
        x = conv_norm(own, "0", x, stride=stride, padding=1, groups=x.shape[1]).clamp(0, highest)
        x = conv_norm(own, "1", x).clamp(0, highest)
        maps[x.shape[-2:]] = x
    return list(maps.values())


def numbered(w: Weights, name: str, x: Tensor, eps: float = 1e-5, **options: object) -> Tensor:
    return norm(w.below(name), "1", conv(w.below(name), "0", x, **options), eps)


Plan = tuple[tuple[int, int], ...]
# stride and dilation of the blocks; the second: only the first block of each row is dilated
STRIDED: Plan = ((1, 1), (2, 1), (1, 1), (2, 1), (2, 1), (1, 1), (1, 1), (2, 1), (1, 1), (1, 1))
FIRST_DILATED: Plan = ((1, 1), (2, 1), (1, 1), (2, 1), (1, 2), (1, 2), (1, 1), (1, 4), (1, 1), (1, 4))


def mobilenet_v2(w: Weights, x: Tensor, plan: Plan = STRIDED) -> Maps:
    """The paper's bottlenecks; ReLU6 everywhere but behind the 1x1 down."""
    w = w.below("features")
    x = numbered(w, "0", x, stride=2, padding=1).clamp(0, 6)
    maps = []
    for i, (stride, rate) in enumerate(plan, 1):
        own, y, place = w.below(i, "conv"), x, 0
        if own.has("3.weight"):
            y, place = numbered(own, "0", y).clamp(0, 6), 1
        y = numbered(own, str(place), y, stride=stride, padding=rate, dilation=rate, groups=y.shape[1]).clamp(0, 6)
        y = norm(own, str(place + 2), conv(own, str(place + 1), y))
        x = x + y if stride == 1 and x.shape == y.shape else y
        if i in (1, 3, 4, 7):  # the last blocks before the paper's strides
            maps.append(x)
    return [*maps, numbered(w, "11", x).clamp(0, 6)]


def hard_sigmoid(x: Tensor) -> Tensor:
    return (x + 3).clamp(0, 6) / 6


def padded(x: Tensor, kernel: int, stride: int, is_same: bool) -> Tensor:
    """The same on all sides; or TensorFlow's, as little as needed, and the odd rest at the right and the bottom."""
    sides = []
    for n in (x.shape[-1], x.shape[-2]):
        total = max(0, (math.ceil(n / stride) - 1) * stride + kernel - n) if is_same else kernel // 2 * 2
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


def mobilenet_v3(w: Weights, x: Tensor, is_same: bool = False) -> Maps:
    """Norms have an eps of 0.001; kernels, squeeze and excitation and activations as the table of the variant says."""
    w = w.below("features")
    x = numbered(w, "0", padded(x, 3, 2, is_same), 1e-3, stride=2)
    x = x * hard_sigmoid(x)
    maps = {x.shape[-2:]: x}
    rows = [(3, False, 2), (3, False, 2), (5, True, 2), (5, True, 1), (5, True, 2), (5, True, 1)]
    for i, (kernel, is_swish, stride) in enumerate(rows, 1):
        own, y, place = w.below(i, "block"), x, 0
        act = (lambda z: z * hard_sigmoid(z)) if is_swish else (lambda z: z.clamp(min=0))
        if own["0.0.weight"].shape[1] > 1:  # there is a 1x1 up
            y, place = act(numbered(own, "0", y, 1e-3)), 1
        y = padded(y, kernel, stride, is_same)
        y = act(numbered(own, str(place), y, 1e-3, stride=stride, groups=y.shape[1]))
        place += 1
        if own.has(f"{place}.fc1.weight"):
            gate = conv(own, f"{place}.fc2", conv(own, f"{place}.fc1", mean_of(y)).clamp(min=0))
            y, place = y * hard_sigmoid(gate), place + 1
        y = numbered(own, str(place), y, 1e-3)
        x = x + y if stride == 1 and x.shape == y.shape else y
        maps[x.shape[-2:]] = x
    x = numbered(w, "7", x, 1e-3)
    maps[x.shape[-2:]] = x * hard_sigmoid(x)
    return list(maps.values())


def xception(w: Weights, x: Tensor, depthwise_act: bool = False, eps: float = 1e-3) -> Maps:
    """ReLUs before the separable convolutions of all blocks but the first, which the stem's ReLU precedes.

    `depthwise_act`: inside of the separable convolutions of blocks too, as in those of the end.
    """
    w = w.below("stages")
    options = {"depthwise_act": depthwise_act, "eps": eps}
    x = conv_norm_relu(w, "0.0", x, stride=2, padding=1, eps=eps)
    x = conv_norm_relu(w, "0.1", x, padding=1, eps=eps)
    maps = [x]
    x = xception_block(w.below(1), x, 2, begins_with_relu=False, **options)
    maps.append(x)
    x = xception_block(w.below(2), x, 2, **options)
    maps.append(x)
    for i, stride in enumerate((2, 1, 1)):
        x = xception_block(w.below(3, i), x, stride, **options)
    maps.append(x)
    x = xception_block(w.below(4, 0), x, 2, **options)
    for place in (1, 3, 5):
        x = separable(w.below(4, place), x, 1, True, eps).clamp(min=0)
    return [*maps, x]


def xception_block(
    w: Weights, x: Tensor, stride: int, depthwise_act: bool, eps: float, begins_with_relu: bool = True
) -> Tensor:
    y = x.clamp(min=0) if begins_with_relu else x
    y = separable(w.below("branch", 1), y, 1, depthwise_act, eps).clamp(min=0)
    y = separable(w.below("branch", 3), y, 1, depthwise_act, eps).clamp(min=0)
    y = separable(w.below("branch", 5), y, stride, depthwise_act, eps)
    return y + (conv_norm(w, "shortcut", x, eps, stride=stride) if w.has("shortcut.conv.weight") else x)


def separable(w: Weights, x: Tensor, stride: int, has_relu: bool, eps: float) -> Tensor:
    """A norm behind both, and a ReLU between the two or not."""
    x = conv_norm(w, "0", x, eps, stride=stride, padding=1, groups=x.shape[1])
    return conv_norm(w, "1", x.clamp(min=0) if has_relu else x, eps)


def mix_transformer(w: Weights, x: Tensor, eps: float = 1e-5) -> Maps:
    """Norms in blocks and behind stages have an eps of 1e-6; those of patches and of reduced maps PyTorch's 1e-5."""
    maps = []
    for i, (heads, reduction, depth) in enumerate(zip((1, 2, 5, 8), (8, 4, 2, 1), (1, 1, 1, 2))):
        own = w.below("stages", i)
        kernel, stride = (7, 4) if i == 0 else (3, 2)
        x = layer_norm(own, "embed.norm", conv(own, "embed.project", x, stride=stride, padding=kernel // 2), eps)
        for j in range(depth):
            block = own.below("blocks", j)
            y = layer_norm(block, "norm1", x, 1e-6)
            x = x + efficient_attention(block.below("attention"), y, heads, reduction, eps)
            y = affine(block, "mlp.expand", layer_norm(block, "norm2", x, 1e-6))
            y = conv(block, "mlp.depthwise", y, padding=1, groups=y.shape[1])
            x = x + affine(block, "mlp.project", y * (1 + torch.erf(y / 2**0.5)) / 2)
        x = layer_norm(own, "norm", x, 1e-6)
        maps.append(x)
    return maps


def layer_norm(w: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    """Over the channels of B C H W."""
    mean = x.mean(1, keepdim=True)
    variance = (x - mean).square().mean(1, keepdim=True)
    shape = (1, -1, 1, 1)
    return (x - mean) / (variance + eps).sqrt() * w[f"{name}.weight"].view(shape) + w[f"{name}.bias"].view(shape)


def affine(w: Weights, name: str, x: Tensor) -> Tensor:
    return torch.einsum("oc,bchw->bohw", w[f"{name}.weight"], x) + w[f"{name}.bias"].view(1, -1, 1, 1)


def efficient_attention(w: Weights, x: Tensor, heads: int, reduction: int, eps: float) -> Tensor:
    source = x
    if reduction > 1:
        height, width = x.shape[-2:]
        padded = F.pad(x, (0, max(0, reduction - width), 0, max(0, reduction - height)))
        source = layer_norm(w, "reduce_norm", conv(w, "reduce", padded, stride=reduction), eps)
    query = affine(w, "query", x)
    key, value = affine(w, "key_value", source).chunk(2, dim=1)
    gathered = []
    for q, k, v in zip(*(each.chunk(heads, dim=1) for each in (query, key, value))):
        scores = torch.einsum("bchw,bckl->bhwkl", q, k).flatten(3) / q.shape[1] ** 0.5
        gathered.append(torch.einsum("bhwn,bcn->bchw", scores.softmax(dim=-1), v.flatten(2)))
    return affine(w, "out", torch.cat(gathered, dim=1))
