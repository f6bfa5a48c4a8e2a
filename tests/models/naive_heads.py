"""The heads whose decoder goes from map to map, written once more from their papers: functions of weights and maps."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.fixed import STRIDES
from tests.models.naive_layers import Weights, conv, conv_norm, conv_norm_relu, mean_of, norm, up_to

Maps = tuple[Tensor, ...]


def linear(w: Weights, maps: Maps) -> Tensor:
    return conv(w, "classify", norm(w, "norm", maps[-1]))


def fcn(w: Weights, maps: Maps) -> Tensor:
    return conv(w, "classify", conv_norm_relu(w.below("convs"), "0", maps[-1], padding=1))


def fcn_concat(w: Weights, maps: Maps, dilation: int) -> Tensor:
    """Two dilated convolutions; the map joins them, and a convolution without dilation mixes both."""
    x = maps[-1]
    for i in range(2):
        x = conv_norm_relu(w.below("convs"), str(i), x, padding=dilation, dilation=dilation)
    return conv(w, "classify", conv_norm_relu(w, "fuse", torch.cat([maps[-1], x], dim=1), padding=1))


def long_fcn(w: Weights, maps: Maps, skips: tuple[int, ...]) -> Tensor:
    """fc6, fc7, scores; the scores of the skips (positions of maps) are added on the way up."""
    w = w.below("decoder")
    x = conv(w, "fc6", F.pad(maps[-1], (3, 3, 3, 3))).clamp(min=0)
    x = conv(w, "classify", conv(w, "fc7", x).clamp(min=0))
    stride = STRIDES[-1]
    for i, skip in enumerate(skips):
        scores = conv(w, f"classify_skips.{i}", maps[skip])
        x = up_to(deconvolved(w, f"ups.{i}", x, stride // STRIDES[skip]), scores.shape) + scores
        stride = STRIDES[skip]
    return deconvolved(w, f"ups.{len(skips)}", x, stride)


def deconvolved(w: Weights, name: str, x: Tensor, factor: int) -> Tensor:
    """Kernels of twice the factor: each pixel of the map is spread around its place, and half a step is cut off."""
    weight = w[f"{name}.weight"]
    height, width = (n * factor for n in x.shape[-2:])
    result = x.new_zeros(len(x), weight.shape[1], height + factor, width + factor)
    for row in range(x.shape[2]):
        for column in range(x.shape[3]):
            spread = torch.einsum("bi,iokl->bokl", x[:, :, row, column], weight)
            y, z = row * factor, column * factor
            result[:, :, y : y + 2 * factor, z : z + 2 * factor] += spread
    cut = factor // 2
    return result[:, :, cut : cut + height, cut : cut + width]


def repeated(w: Weights, name: str, x: Tensor, factor: int) -> Tensor:
    """A transposed convolution whose windows do not overlap."""
    weight = w[f"{name}.weight"]
    blocks = torch.einsum("bihw,iokl->bohkwl", x, weight).flatten(2, 3).flatten(3, 4)
    assert blocks.shape[-2:] == (factor * x.shape[2], factor * x.shape[3])
    return blocks + w[f"{name}.bias"].view(1, -1, 1, 1) if w.has(f"{name}.bias") else blocks


def gcn(w: Weights, maps: Maps) -> Tensor:
    scored = []
    for i, x in enumerate(maps[:0:-1]):  # from stride 32 to stride 4
        own = w.below("scores", i)
        pad = own["column_row.0.weight"].shape[2] // 2
        one = conv(own, "column_row.1", conv(own, "column_row.0", x, padding=(pad, 0)), padding=(0, pad))
        other = conv(own, "row_column.1", conv(own, "row_column.0", x, padding=(0, pad)), padding=(pad, 0))
        scored.append(refined(w.below("refine", i), one + other))
    x = scored[0]
    for i, finer in enumerate(scored[1:]):
        x = refined(w.below("refine_sums", i), finer + up_to(repeated(w, f"ups.{i}", x, 2), finer.shape))
    x = refined(w.below("finish", 0), repeated(w, f"ups.{len(scored) - 1}", x, 2))
    return refined(w.below("finish", 2), repeated(w, "finish.1", x, 2))


def refined(w: Weights, x: Tensor) -> Tensor:
    return x + conv(w, "conv2", conv(w, "conv1", x, padding=1).clamp(min=0), padding=1)


def refinenet(w: Weights, maps: Maps) -> Tensor:
    path = None
    for i, x in enumerate(maps[:0:-1]):  # from stride 32 to stride 4
        x = conv(w, f"adapt.{i}.0", x, padding=1)
        for unit in (1, 2):
            x = residual_unit(w.below("adapt", i, unit), x)
        if path is not None:
            coarse = up_to(conv(w, f"fuse.{i - 1}.coarse", path, padding=1), x.shape)
            x = conv(w, f"fuse.{i - 1}.fine", x, padding=1) + coarse
        path = step = x.clamp(min=0)
        for k in range(w.count(f"refine.{i}.0.convs")):
            step = conv(w, f"refine.{i}.0.convs.{k}", F.max_pool2d(step, 5, 1, 2), padding=1)
            path = path + step
        for unit in (1, 2, 3):
            path = residual_unit(w.below("refine", i, unit), path)
    return conv(w, "classify", path, padding=1)


def residual_unit(w: Weights, x: Tensor) -> Tensor:
    y = conv(w, "conv1", x.clamp(min=0), padding=1).clamp(min=0)
    return x + conv(w, "conv2", y, padding=1)


def semantic_fpn(w: Weights, maps: Maps, kind: str = "GN", always_double: bool = False) -> Tensor:
    """At stride 4, 8, 16, 32: one, one, two and three times 3x3, norm, ReLU and (but for the first) a doubling."""
    total = torch.zeros(())
    for i, (x, count) in enumerate(zip(maps[1:], (1, 1, 2, 3))):
        for k in range(count):
            own = w.below("climbs", i, "steps", k)
            x = conv(own, "0", x, padding=1)
            x = (group_norm(own.below("1"), x) if kind == "GN" else norm(own, "1", x)).clamp(min=0)
            is_last = k == count - 1
            if not is_last or (always_double and i > 0):
                x = up_to(x, [2 * n for n in x.shape[-2:]])
        total = total + up_to(x, maps[1].shape)
    return conv(w, "classify", total)


def group_norm(w: Weights, x: Tensor, groups: int = 32) -> Tensor:
    y = x.unflatten(1, (groups, -1))
    mean = y.mean((2, 3, 4), keepdim=True)
    variance = (y - mean).square().mean((2, 3, 4), keepdim=True)
    y = ((y - mean) / (variance + 1e-5).sqrt()).flatten(1, 2)
    return y * w["weight"].view(1, -1, 1, 1) + w["bias"].view(1, -1, 1, 1)


def segformer(w: Weights, maps: Maps) -> Tensor:
    projected = []
    for i, x in enumerate(maps[1:]):
        y = torch.einsum("oi,bihw->bohw", w[f"project.{i}.weight"][:, :, 0, 0], x)
        projected.append(up_to(y + w[f"project.{i}.bias"].view(1, -1, 1, 1), maps[1].shape))
    return conv(w, "classify", conv_norm_relu(w, "mix", torch.cat(projected, dim=1)))


def segformer_norms(w: Weights, maps: Maps) -> Tensor:
    projected = [up_to(conv_norm_relu(w, f"project.{i}", x), maps[1].shape) for i, x in enumerate(maps[1:])]
    return conv(w, "classify", conv_norm_relu(w, "mix", torch.cat(projected, dim=1)))


def lraspp(w: Weights, maps: Maps) -> Tensor:
    fine, last = maps[2], maps[-1]
    x = conv_norm_relu(w, "reduce", last) * torch.sigmoid(conv(w, "gate.1", mean_of(last)))
    return conv(w, "classify", up_to(x, fine.shape)) + conv(w, "classify_fine", fine)


def lraspp_decoder(w: Weights, maps: Maps) -> Tensor:
    """For last maps that are smaller than the windows of the averages."""
    last = maps[-1]
    gate = torch.sigmoid(conv(w, "gate", mean_of(last)))
    x = conv(w, "enter", mixed(w, "reduce", last) * gate)
    for i in (1, 0):
        x = mixed(w, f"mix.{i}", torch.cat([up_to(x, maps[i].shape), conv(w, f"skips.{i}", maps[i])], dim=1))
    return conv(w, "classify", x)


def mixed(w: Weights, name: str, x: Tensor) -> Tensor:
    """1x1, norm with an eps of 0.001, ReLU."""
    return norm(w.below(name), "norm", conv(w.below(name), "conv", x), 1e-3).clamp(min=0)


def linknet(w: Weights, maps: Maps) -> Tensor:
    """The encoder's levels begin with the stem's map, pooled, and with the ends of the three levels before the last."""
    skips = [maps[3], maps[2], maps[1], F.max_pool2d(maps[0], 3, 2, 1)]
    x = maps[4]
    for i, skip in enumerate(skips):
        own, stride = w.below("decoders", i), (2, 2, 2, 1)[i]
        y = conv_norm_relu(own, "narrow", x)
        y = F.conv_transpose2d(y, own["up.0.weight"], stride=stride, padding=1, output_padding=stride - 1)
        y = conv_norm_relu(own, "widen", norm(own, "up.1", y).clamp(min=0))
        x = skip + (y if y.shape == skip.shape else up_to(y, skip.shape))
    own = w.below("finish")
    y = F.conv_transpose2d(x, own["0.weight"], own["0.bias"], stride=2, padding=1, output_padding=1)
    y = norm(own, "4", conv(own, "3", norm(own, "1", y).clamp(min=0), padding=1)).clamp(min=0)
    return repeated(w, "classify", y, 2)


def unet(w: Weights, maps: Maps) -> Tensor:
    x = maps[-1]
    for i, skip in enumerate(maps[-2::-1]):
        own = w.below("ups", i)
        x = torch.cat([skip, conv_norm_relu(own, "narrow", up_to(x, skip.shape))], dim=1)
        y = conv_norm(own, "conv2", conv_norm_relu(own, "conv1", x, padding=1), padding=1)
        if own.has("excite.fc1.weight"):
            y = y * torch.sigmoid(conv(own, "excite.fc2", conv(own, "excite.fc1", mean_of(y)).clamp(min=0)))
        x = (y + conv_norm(own, "shortcut", x)).clamp(min=0)
    x = up_to(x, [2 * n for n in x.shape[-2:]])
    return conv(w, "classify", conv_norm_relu(w, "finish", x))


def plain_unet(w: Weights, maps: Maps) -> Tensor:
    x = maps[-1]
    for i, skip in enumerate(maps[-2::-1]):
        if w.has(f"ups.{i}.bias"):
            x = repeated(w, f"ups.{i}", x, 2)
        else:
            x = F.pad(up_to(x, [2 * n for n in x.shape[-2:]]), (0, 1, 0, 1))
            x = conv(w, f"ups.{i}.conv", x).clamp(min=0)
        x = stack(w.below("blocks", i), torch.cat([skip, up_to(x, skip.shape)], dim=1))
    return conv(w, "classify", x)


def stack(w: Weights, x: Tensor) -> Tensor:
    """3x3 convolutions, each with a norm (if the weights have any) and a ReLU, numbered as in a sequence."""
    has_norm = w.has("1.running_mean")
    place = 0
    while w.has(f"{place}.weight"):
        x = conv(w, str(place), x, padding=1)
        x = (norm(w, str(place + 1), x) if has_norm else x).clamp(min=0)
        place += 3 if has_norm else 2
    return x


def unet_plus_plus(w: Weights, maps: Maps) -> list[Tensor]:
    """The logits of each node of the finest level."""
    nodes = {(i, 0): x for i, x in enumerate(maps)}
    number = 0
    for j in range(1, len(maps)):
        for i in range(len(maps) - j):
            own = w.below("nodes", number)
            below = nodes[i + 1, j - 1]
            below = repeated(own, "up", below, 2) if own.has("up.weight") else below
            joined = [nodes[i, k] for k in range(j)]
            nodes[i, j] = stack(own.below("block"), torch.cat([*joined, up_to(below, maps[i].shape)], dim=1))
            number += 1
    outputs = w.count("classify")
    finest = [nodes[0, j] for j in range(1, len(maps))][-outputs:]
    return [conv(w, f"classify.{i}", x) for i, x in enumerate(finest)]


def segnet(w: Weights, maps: Maps) -> Tensor:
    pooled, places = zip(*(F.max_pool2d(x, 2, ceil_mode=True, return_indices=True) for x in maps))
    x = pooled[-1]
    for i in reversed(range(len(maps))):
        x = F.max_unpool2d(x, places[i], 2, output_size=maps[i].shape[-2:])
        x = stack(w.below("finish") if i == 0 else w.below("blocks", len(maps) - 1 - i), x)
    return conv(w, "classify", x, padding=1)
