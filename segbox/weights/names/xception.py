"""Xceptions of timm."""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from segbox.weights.names.rename import Weights, rename

LAYERS = {
    r"\.(conv|bn)_(dw|pw)\.": r".\2.\1.",
    r"\.dw\.conv\.": ".0.conv.",
    r"\.dw\.bn\.": ".0.norm.",
    r"\.pw\.conv\.": ".1.conv.",
    r"\.pw\.bn\.": ".1.norm.",
    r"^(stem\.\d|.*shortcut)\.bn\.": r"\1.norm.",
    r"^stem\.": "stages.0.",
}


def timm_xception(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """The blocks are two of the entry, the third entry block with the middle, one of the exit, and the end."""
    numbers = [int(match[1]) for name in weights if (match := re.match(r"blocks\.(\d+)\.", name))]
    end = max(numbers, default=0)
    exit_block = end - 1
    blocks: dict[str, str] = {}
    for i in range(exit_block):
        blocks[rf"^blocks\.{i}\."] = f"stages.{i + 1}." if i < 2 else f"stages.3.{i - 2}."
    blocks[rf"^blocks\.{exit_block}\."] = "stages.4.0."
    for j in (1, 2, 3):
        blocks[rf"^blocks\.{end}\.stack\.conv{j}\."] = f"stages.4.{2 * j - 1}."
        blocks[rf"\.stack\.conv{j}\."] = f".branch.{2 * j - 1}."
    return rename(weights, {**blocks, **LAYERS})
