"""Numbers of parameters and floating point operations, counted on the meta device, without computing anything.

One multiply-add is two operations. Convolutions, matrix products and attention are counted, by PyTorch's counter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from segbox.errors import UserError
from segbox.models.encoder_decoder import EncoderDecoder
from segbox.models.head_builder import prepare_head
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.registry import BACKBONES, HEADS

PARTS = ("backbone", "neck", "decode_head", "auxiliary_heads")


@dataclass(frozen=True)
class Cost:
    parameters: int
    flops: int | None = None  # for one image; None if they were not counted

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.parameters + other.parameters, None if self.flops is None else self.flops + other.flops)


def build_without_data(config: Mapping, num_classes: int | None) -> nn.Module:
    """The model of a config on the meta device. Weight files are not read, and nothing is downloaded."""
    with torch.device("meta"):
        return build_segmentor(without_weights(config), num_classes)


def costs_of(model: EncoderDecoder, size: tuple[int, int]) -> dict[str, Cost]:
    """The cost of each part that has parameters, then "total": all parameters, and the operations of a prediction.

    Auxiliary heads run only in training, so their operations are not in the total.
    """
    model.eval()
    images = torch.empty(1, len(model.mean), *size, device="meta")
    maps, backbone_flops = flops_of(model.backbone, images)
    features, neck_flops = flops_of(model.neck, maps)
    maps = features if model.auxiliary_maps == "neck" else maps
    seen = (images, *features) if model.decode_head.sees_images else features
    flops = {
        "backbone": backbone_flops,
        "neck": neck_flops,
        "decode_head": flops_of(model.decode_head, seen)[1],
        "auxiliary_heads": sum(flops_of(head, maps)[1] for head in model.auxiliary_heads),
    }
    costs = {part: Cost(count_parameters(getattr(model, part)), flops[part]) for part in PARTS}
    total = Cost(count_parameters(model), sum(flops[part] for part in PARTS[:3]))
    return {part: cost for part, cost in costs.items() if cost.parameters} | {"total": total}


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def flops_of(module: nn.Module, *arguments: Any) -> tuple[Any, int]:
    """The result of the module, and its number of operations."""
    from torch.utils.flop_counter import FlopCounterMode  # imports triton

    weights = {name: value.detach() for name, value in module.named_parameters()}  # the counter trips over their views
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        result = torch.func.functional_call(module, weights, arguments)
    return result, counter.get_total_flops()


def cost_grid(
    rows: Mapping[str, tuple[Mapping, Mapping[str, Mapping]]], num_classes: int, size: tuple[int, int] | None = None
) -> dict[str, dict[str, Cost | None]]:
    """Backbone -> head -> cost of the pair; None if they do not fit together.

    Each backbone has its own heads; it is built and counted once. Without `size`, only parameters are counted. A
    backbone whose optional package is not installed is left out.
    """
    images = None if size is None else torch.empty(1, 3, *size, device="meta")
    grid = {}
    for name, (backbone_config, heads) in rows.items():
        reads_tokens = {head: HEADS.builder_of(config, "head").reads_tokens for head, config in heads.items()}
        bodies = {reads: body_of(backbone_config, images, reads) for reads in {False, *reads_tokens.values()}}
        if bodies[False] is not None:
            grid[name] = {
                head: cost_of_pair(bodies[reads_tokens[head]], config, num_classes, images)
                for head, config in heads.items()
            }
    return grid


@dataclass(frozen=True)
class Body:
    """A backbone as its heads see it."""

    seen: Mapping[str, tuple[int, ...]]  # what heads are offered
    cost: Cost
    features: Any  # None without images


def body_of(config: Mapping, images: torch.Tensor | None, gives_tokens: bool) -> Body | None:
    """The backbone, for heads that read its maps or its tokens; None if it cannot be built so."""
    try:
        with torch.device("meta"):
            backbone = BACKBONES.build(config, gives_tokens=gives_tokens).eval()
    except UserError:
        return None
    if gives_tokens and not getattr(backbone, "gives_tokens", False):
        return None
    features, flops = (None, None) if images is None else flops_of(backbone, images)
    seen = {"in_channels": backbone.channels, "in_strides": backbone.strides}
    return Body(seen, Cost(count_parameters(backbone), flops), features)


def cost_of_pair(body: Body | None, config: Mapping, num_classes: int, images: torch.Tensor | None) -> Cost | None:
    if body is None:
        return None
    try:
        with torch.device("meta"):
            head = prepare_head(config, "head", num_classes, 3, body.seen).build(num_classes).eval()
    except UserError:
        return None
    if images is None:
        return body.cost + Cost(count_parameters(head))
    features = (images, *body.features) if head.sees_images else body.features
    return body.cost + Cost(count_parameters(head), flops_of(head, features)[1])
