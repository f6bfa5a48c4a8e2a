"""MobileNets of timm. MobileNetV2 and V3 of torchvision have our names."""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from segbox.errors import CheckpointError
from segbox.weights.names.rename import Weights, counted_blocks

STEM = {"conv_stem": "features.0.0", "bn1": "features.0.1"}
# Layers of a block -> places in `conv`: of a block without expansion, and of the others
WITHOUT_EXPANSION = {"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"}
WITH_EXPANSION = {"conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1", "conv_pwl": "2", "bn3": "3"}
V1_STEM = {"conv_stem": "features.0.conv", "bn1": "features.0.norm"}
V1_BLOCK = {"conv_dw": "0.conv", "bn1": "0.norm", "conv_pw": "1.conv", "bn2": "1.norm"}


def timm_v2(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    blocks = counted_blocks(weights)
    last = f"features.{len(blocks) + 1}"
    outside = STEM | {"conv_head": f"{last}.0", "bn2": f"{last}.1"}
    found = {}
    for name, value in weights.items():
        layer, _, kind = name.rpartition(".")
        block, _, inside = layer.rpartition(".")
        if block in blocks:
            places = WITH_EXPANSION if f"{block}.conv_pwl.weight" in weights else WITHOUT_EXPANSION
            name = f"features.{blocks[block] + 1}.conv.{places.get(inside, inside)}.{kind}"
        elif layer in outside:
            name = f"{outside[layer]}.{kind}"
        found[name] = value
    return found


def timm_v1(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    blocks = counted_blocks(weights)
    found = {}
    for name, value in weights.items():
        layer, _, kind = name.rpartition(".")
        block, _, inside = layer.rpartition(".")
        if block in blocks:
            name = f"features.{blocks[block] + 1}.{V1_BLOCK.get(inside, inside)}.{kind}"
        elif layer in V1_STEM:
            name = f"{V1_STEM[layer]}.{kind}"
        found[name] = value
    return found


def without_last_conv(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """Without the layers after the last one of this backbone (MobileNetV2 with has_last_conv=False)."""
    count = len(backbone.features)
    places = {name: re.match(r"features\.(\d+)\.", name) for name in weights}
    return {name: weights[name] for name, place in places.items() if place is None or int(place[1]) < count}


def tensorflow(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    raise CheckpointError(
        "were trained in TensorFlow, whose padding is another one: here they would compute something else."
        f" Weights for {type(backbone).__name__}: {', '.join(type(backbone).imagenet.values())}"
    )
