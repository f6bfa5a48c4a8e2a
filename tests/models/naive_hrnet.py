"""HRNet and mmsegmentation's U-Net, written once more: functions of weights and images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_backbones import basic, bottleneck, unet
from tests.models.naive_heads import stack
from tests.models.naive_layers import Weights, conv, conv_norm_relu, norm, up_to

Maps = list[Tensor]


def hrnet(w: Weights, x: Tensor) -> Maps:
    """The authors' code for segmentation: coarse maps are resized to the size of the finer one at once."""
    maps = hrnet_branches(w, x, is_by_factor=False)
    return [torch.cat([up_to(x, maps[0].shape) for x in maps], dim=1)]


def hrnet_branches(w: Weights, x: Tensor, is_by_factor: bool = True) -> Maps:
    """One bottleneck, then one, two and one modules of one block on each branch."""
    for i in (1, 2):
        x = norm(w, f"bn{i}", conv(w, f"conv{i}", x, stride=2, padding=1)).clamp(min=0)
    maps = [bottleneck(w.below("layer1", 0), x, 1, 1, False)]
    for i, modules in enumerate((1, 2, 1), 1):
        change = w.below(f"transition{i}")
        new = numbered(change.below(i), "0", maps[-1], 2)
        if i == 1:
            maps = [numbered(change, "0", maps[0], 1)]
        maps = [*maps, new]
        for j in range(modules):
            own = w.below(f"stage{i + 1}", j)
            maps = [basic(own.below("branches", k, 0), x, 1, 1, 1, False) for k, x in enumerate(maps)]
            maps = [exchanged(own.below("fuse_layers", k), maps, k, is_by_factor) for k in range(len(maps))]
    return maps


def numbered(w: Weights, name: str, x: Tensor, stride: int) -> Tensor:
    return norm(w.below(name), "1", conv(w.below(name), "0", x, stride=stride, padding=1)).clamp(min=0)


def exchanged(w: Weights, maps: Maps, target: int, is_by_factor: bool) -> Tensor:
    total = maps[target]
    for source, x in enumerate(maps):
        own = w.below(source)
        if source > target:
            x = norm(own, "1", conv(own, "0", x))
            if is_by_factor:
                x = up_to(x, [n * 2 ** (source - target) for n in x.shape[-2:]])
            total = total + up_to(x, total.shape)
        if source < target:
            for step in range(target - source):
                x = conv(own, f"{step}.0", x if step == 0 else x.clamp(min=0), stride=2, padding=1)
                x = norm(own, f"{step}.1", x)
            total = total + x
    return total.clamp(min=0)


def whole_unet(w: Weights, x: Tensor, count: int = 1) -> Maps:
    skips = unet(w.below("encoder"), x)
    maps = [skips[-1]]
    for i in (3, 2, 1, 0):
        x = conv_norm_relu(w, f"ups.{i}", F.interpolate(maps[0], skips[i].shape[-2:], mode="bilinear"))
        maps.insert(0, stack(w.below("blocks", i), torch.cat([skips[i], x], dim=1)))
    return maps[:count]
