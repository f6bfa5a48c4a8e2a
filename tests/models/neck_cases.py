"""What each neck must depend on, and what its golden numbers were checked against. For new ones: see head_cases.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.registry import NECKS
from tests.models import naive_vits as vits
from tests.models.fixed import CHANNELS, STRIDES, features
from tests.models.naive_layers import Weights, conv, conv_norm, conv_norm_relu, norm, up_to

Maps = tuple[Tensor, ...]


@dataclass(frozen=True)
class Case:
    """`uses`: for each map that goes out, the positions of those that it depends on."""

    options: Mapping[str, object]
    uses: tuple[tuple[int, ...], ...]
    truth: Callable[[Weights, Maps], Sequence[Tensor]]
    source: str


def fpn(w: Weights, maps: Maps) -> list[Tensor]:
    """From coarse to fine; each cell of a coarser map is repeated over the finer ones that begin in it."""
    above, outputs = None, []
    for i in reversed(range(4)):
        x = conv(w, f"laterals.{i}", maps[i + 1])
        if above is not None:
            rows = [y * above.shape[2] // x.shape[2] for y in range(x.shape[2])]
            columns = [c * above.shape[3] // x.shape[3] for c in range(x.shape[3])]
            x = x + above[:, :, rows][..., columns]
        above = x
        outputs.insert(0, conv(w, f"smooth.{i}", x, padding=1))
    return outputs


def jpu(w: Weights, maps: Maps) -> list[Tensor]:
    levels = [up_to(conv_norm_relu(w, f"convs.{i}", x, padding=1), maps[2].shape) for i, x in enumerate(maps[2:])]
    joined = torch.cat(levels[::-1], dim=1)
    branches = []
    for i, rate in enumerate((1, 2, 4, 8)):
        x = conv_norm(w, f"branches.{i}.0", joined, padding=rate, dilation=rate, groups=joined.shape[1])
        branches.append(conv_norm_relu(w, f"branches.{i}.1", x))
    return [*maps[:3], torch.cat(branches, dim=1)]


def vit_pyramid(w: Weights, maps: Maps) -> list[Tensor]:
    """From stride 32: three, two and one doublings by windows that do not overlap, and the map itself; then 1x1."""
    outputs = []
    for i, doublings in enumerate((3, 2, 1, 0)):
        x, place = maps[-1], 0
        for k in range(doublings):
            weight, bias = (w[f"levels.{i}.{place}.{part}"] for part in ("weight", "bias"))
            x = torch.einsum("bihw,iokl->bohkwl", x, weight).flatten(2, 3).flatten(3, 4) + bias.view(1, -1, 1, 1)
            place += 1
            if k < doublings - 1:
                x = F.gelu(norm(w, f"levels.{i}.{place}", x))
                place += 2
        outputs.append(conv(w, f"levels.{i}.{place}", x))
    return outputs


CASES: dict[str, Case] = {
    "FPN": Case({"type": "FPN", "channels": 5}, ((1, 2, 3, 4), (2, 3, 4), (3, 4), (4,)), fpn, "paper; mmsegmentation"),
    "JPU": Case({"type": "JPU", "channels": 5}, ((0,), (1,), (2,), (2, 3, 4)), jpu, "paper"),
    "MLANeck": Case(
        {"type": "MLANeck", "channels": 5}, ((0, 1, 2, 3, 4), (1, 2, 3, 4), (2, 3, 4), (3, 4), (4,)), vits.mla_neck,
        "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "MultiLevelNeck": Case(
        {"type": "MultiLevelNeck", "channels": 5, "strides": (8, 16, 32, 64)}, ((4,),) * 4,
        partial(vits.multi_level, factors=(4, 2, 1, 0.5)), "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "ViTPyramid": Case({"type": "ViTPyramid", "channels": 5}, ((4,),) * 4, vit_pyramid, "paper"),
}  # fmt: skip


def titles() -> list[str]:
    return [*CASES, *(name for name in NECKS if name not in CASES)]


def build(title: str) -> nn.Module:
    options = CASES[title].options if title in CASES else {"type": title}
    return NECKS.build(options, in_channels=CHANNELS, in_strides=STRIDES)


def inputs(title: str) -> Maps:
    return features(STRIDES, CHANNELS)
