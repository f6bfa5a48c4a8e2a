"""STDC, BiSeNetV2, CGNet, ERFNet and Fast-SCNN, written once more: functions of weights and images or maps."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_context_heads import pyramid
from tests.models.naive_layers import Weights, conv, conv_norm, conv_norm_relu, mean_of, norm, up_to

Maps = tuple[Tensor, ...]


def stdc(w: Weights, x: Tensor) -> list[Tensor]:
    maps = []
    for i in range(2):
        x = conv_norm_relu(w, f"stages.{i}", x, stride=2, padding=1)
        maps.append(x)
    for i in (2, 3, 4):
        for j in range(w.count(f"stages.{i}")):
            x = dense(w.below("stages", i, j), x, j == 0)
        maps.append(x)
    return maps


def dense(w: Weights, x: Tensor, is_strided: bool) -> Tensor:
    x = conv_norm_relu(w, "layers.0", x)
    parts = [averaged(x) if is_strided else x]
    if is_strided:
        x = conv_norm(w, "downsample", x, stride=2, padding=1, groups=x.shape[1])
    for i in (1, 2, 3):
        x = conv_norm_relu(w, f"layers.{i}", x, padding=1)
        parts.append(x)
    return torch.cat(parts, dim=1)


def averaged(x: Tensor) -> Tensor:
    """Means of 3 x 3 at every second pixel; zeros outside are counted."""
    return F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2).mean((4, 5))


def stdc_head(w: Weights, maps: Maps) -> dict[str, Tensor]:
    fine, middle, last = maps[-3:]
    known, contexts = conv_norm_relu(w, "context.whole.1", mean_of(last)), []
    for i, (x, size) in enumerate(((last, middle), (middle, fine))):
        x = conv_norm_relu(w, f"context.attend.{i}.convolve", x, padding=1)
        x = x * torch.sigmoid(conv_norm(w, f"context.attend.{i}.gate.1", mean_of(x))) + known
        known = conv_norm_relu(w, f"context.smooth.{i}", F.interpolate(x, size.shape[-2:]), padding=1)
        contexts.append(known)
    x = conv_norm_relu(w, "fuse", torch.cat([fine, known], dim=1))
    x = x + x * torch.sigmoid(conv(w, "excite.fc2", conv(w, "excite.fc1", mean_of(x)).clamp(min=0)))
    logits = {"": conv(w, "classify", conv_norm_relu(w, "convolve", x, padding=1))}
    for i, context in enumerate(contexts):
        own = w.below("classify_context", i)
        logits[f"context{i}"] = conv(own, "1", conv_norm_relu(own, "0", context, padding=1))
    return logits


def bisenet_v2(w: Weights, images: Tensor, semantic_maps: bool = False) -> list[Tensor]:
    detail = images
    for i in range(3):
        for j in range(2 if i == 0 else 3):
            own = f"detail.detail_branch.{i}.{j}"
            detail = conv_norm_relu(w, own, detail, stride=2 if j == 0 else 1, padding=1)
    own = w.below("semantic", "stage1")
    x = conv_norm_relu(own, "conv_first", images, stride=2, padding=1)
    left = conv_norm_relu(own, "convs.1", conv_norm_relu(own, "convs.0", x), stride=2, padding=1)
    x = conv_norm_relu(own, "fuse_last", torch.cat([left, F.max_pool2d(x, 3, 2, 1)], dim=1), padding=1)
    maps = [x]
    for i in (2, 3, 4):
        for j in range(w.count(f"semantic.stage{i}")):
            x = gather_expand(w.below("semantic", f"stage{i}", j), x)
        maps.append(x)
    own = w.below("semantic", "stage4_CEBlock")
    x = x + conv_norm_relu(own, "conv_gap", norm(own, "gap.1", mean_of(x)))
    joined = aggregated(w.below("bga"), detail, conv_norm_relu(own, "conv_last", x, padding=1))
    return [*maps[:2], joined, *maps[2:]] if semantic_maps else [joined]


def gather_expand(w: Weights, x: Tensor) -> Tensor:
    channels = x.shape[1]
    y = conv_norm_relu(w, "conv1", x, padding=1)
    if w.has("shortcut.0.conv.weight"):
        x = conv_norm(w, "shortcut.1", conv_norm(w, "shortcut.0", x, stride=2, padding=1, groups=channels))
        y = conv_norm(w, "dwconv.0", y, stride=2, padding=1, groups=channels)
        y = conv_norm_relu(w, "dwconv.1", y, padding=1, groups=y.shape[1])
    else:
        y = conv_norm_relu(w, "dwconv.0", y, padding=1, groups=channels)
    return (x + conv_norm(w, "conv2.0", y)).clamp(min=0)


def aggregated(w: Weights, detail: Tensor, semantic: Tensor) -> Tensor:
    def separable(name: str, x: Tensor) -> Tensor:
        return conv(w, f"{name}.1", conv_norm(w, f"{name}.0", x, padding=1, groups=x.shape[1]))

    gate = up_to(conv_norm(w, "semantic_conv.0", semantic, padding=1), detail.shape)
    fine = separable("detail_dwconv", detail) * torch.sigmoid(gate)
    down = averaged(conv_norm(w, "detail_down.0", detail, stride=2, padding=1))
    coarse = down * torch.sigmoid(separable("semantic_dwconv", semantic))
    return conv_norm_relu(w, "conv", fine + up_to(coarse, fine.shape), padding=1)


def prelu(w: Weights, name: str, x: Tensor) -> Tensor:
    return x.clamp(min=0) + w[f"{name}.weight"].view(-1, 1, 1) * x.clamp(max=0)


def cgnet(w: Weights, images: Tensor) -> list[Tensor]:
    half = averaged(images)
    x = images
    for i in range(3):
        x = prelu(w, f"stem.{i}.act", conv_norm(w, f"stem.{i}", x, 1e-3, stride=2 if i == 0 else 1, padding=1))
    maps = [joint(w, 0, [x, half])]
    for i, rate in ((1, 2), (2, 4)):
        down = x = guided(w.below(f"level{i}", 0), maps[-1], rate)
        for j in range(1, w.count(f"level{i}")):
            x = x + guided(w.below(f"level{i}", j), x, rate)
        maps.append(joint(w, i, [x, down, averaged(half)] if i == 1 else [down, x]))
    return maps


def joint(w: Weights, i: int, parts: list[Tensor]) -> Tensor:
    x = norm(w, f"norm_prelu_{i}.0", torch.cat(parts, dim=1), 1e-3)
    return prelu(w, f"norm_prelu_{i}.1", x)


def guided(w: Weights, x: Tensor, rate: int) -> Tensor:
    options = dict(stride=2, padding=1) if w.has("bottleneck.weight") else {}
    x = prelu(w, "conv1x1.act", conv_norm(w, "conv1x1", x, 1e-3, **options))
    near = conv(w, "join.f_loc", x, padding=1, groups=x.shape[1])
    around = conv(w, "join.f_sur", x, padding=rate, dilation=rate, groups=x.shape[1])
    x = prelu(w, "join.act", norm(w, "join.norm", torch.cat([near, around], dim=1), 1e-3))
    if options:
        x = conv(w, "bottleneck", x)
    return x * torch.sigmoid(conv(w, "f_glo.fc2", conv(w, "f_glo.fc1", mean_of(x)).clamp(min=0)))


def erfnet(w: Weights, x: Tensor) -> list[Tensor]:
    sizes = []
    rates = iter((1, 2, 4))
    for i in range(6):
        own = w.below("encoder", i)
        if own.has("conv.weight"):
            y = conv(own, "conv", x, stride=2, padding=1)
            x = norm(own, "norm", torch.cat([y, up_to(F.max_pool2d(x, 2), y.shape)], dim=1), 1e-3).clamp(min=0)
            sizes.append(x.shape[-2:])
        else:
            x = factorized(own, x, next(rates))
    for i, (height, width) in ((0, sizes[1]), (2, sizes[0])):
        own = w.below("decoder", i)
        weight, bias = own["conv.weight"], own["conv.bias"]
        x = F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1)[..., :height, :width]
        x = factorized(w.below("decoder", i + 1), norm(own, "norm", x, 1e-3).clamp(min=0), 1)
    return [x]


def factorized(w: Weights, x: Tensor, rate: int) -> Tensor:
    y, w = x, w.below("convs_layers")
    for first, d in ((0, 1), (5, rate)):
        y = conv(w, str(first), y, padding=(d, 0), dilation=(d, 1)).clamp(min=0)
        y = norm(w, str(first + 3), conv(w, str(first + 2), y, padding=(0, d), dilation=(1, d)), 1e-3)
        y = y.clamp(min=0) if first == 0 else y + x
    return y.clamp(min=0)


def separable(w: Weights, x: Tensor, stride: int = 1) -> Tensor:
    return conv_norm_relu(w, "1", conv_norm(w, "0", x, stride=stride, padding=1, groups=x.shape[1]))


def fast_scnn(w: Weights, images: Tensor, inner_maps: bool = False) -> list[Tensor]:
    own = w.below("learning_to_downsample")
    x = conv_norm_relu(own, "0", images, stride=2, padding=1)
    fine = x = separable(own.below(2), separable(own.below(1), x, 2), 2)
    own = w.below("global_feature_extractor")
    for i, stride in ((1, 2), (2, 2), (3, 1)):
        inner = own.below(f"bottleneck{i}", 0, "conv")
        y = conv_norm_relu(inner, "0", x)
        y = conv_norm(inner, "2", conv_norm_relu(inner, "1", y, stride=stride, padding=1, groups=y.shape[1]))
        x = x + y if stride == 1 and x.shape == y.shape else y
    coarse = conv_norm_relu(own, "out", pyramid(own.below("ppm"), x), padding=1)
    own = w.below("feature_fusion")
    y = conv_norm_relu(own, "dwconv", up_to(coarse, fine.shape), padding=1, groups=coarse.shape[1])
    joined = (conv_norm(own, "conv_lower_res", y) + conv_norm(own, "conv_higher_res", fine)).clamp(min=0)
    return [fine, joined, coarse] if inner_maps else [joined]


def separable_fcn(w: Weights, maps: Maps) -> Tensor:
    x = maps[-1]
    for i in range(w.count("convs")):
        x = separable(w.below("convs", i), x)
    return conv(w, "classify", x)
