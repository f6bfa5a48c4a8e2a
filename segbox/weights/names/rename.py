"""Renaming of the tensors of a state dict by regular expressions."""

import re
from collections.abc import Mapping

from torch import Tensor

Weights = dict[str, Tensor]


def rename(weights: Mapping[str, Tensor], rules: Mapping[str, str]) -> Weights:
    """The tensors by new names: each rule (pattern -> replacement) is applied once to each name, in this order."""
    found = {}
    for name, value in weights.items():
        for pattern, replacement in rules.items():
            name = re.sub(pattern, replacement, name, count=1)
        found[name] = value
    return found


def counted_blocks(weights: Mapping[str, Tensor]) -> dict[str, int]:
    """The blocks of all stages, counted on: {"blocks.0.0": 0, "blocks.1.0": 1, "blocks.1.1": 2}."""
    found = {match[0] for name in weights if (match := re.match(r"blocks\.\d+\.\d+(?=\.)", name))}
    order = sorted(found, key=lambda block: tuple(map(int, block.split(".")[1:])))
    return {block: i for i, block in enumerate(order)}
