"""The layers of a backbone, from the images to the last map: what layer-wise learning rates are counted by."""

import re

from torch import nn

from segbox.errors import ConfigError


def depths(backbone: nn.Module) -> dict[str, int]:
    """The layer of each parameter: 0 for the first, rising.

    A backbone says what its layers are by `layer_pattern`, a pattern of names of parameters with the layer's number:
    the blocks of a plain ViT, the stages of a network of several strides. All others count to the layer before them,
    in the order of the network: patches, positions and tokens to the first layer, final norms to the last.
    """
    pattern = getattr(backbone, "layer_pattern", None)
    names = [name for name, _ in backbone.named_parameters()]
    found = {name: int(match[1]) for name in names if pattern and (match := re.match(pattern, name))}
    numbers = sorted(set(found.values()))
    if len(numbers) < 2:
        own = getattr(backbone, "name", None)
        raise ConfigError(
            f"optimizer.layer_decay: {type(backbone).__name__}{f' {own}' if own else ''} has no numbered layers"
            " (blocks or stages). Leave layer_decay=1.0, and use optimizer.rules for the rates of its parts"
        )
    layers, current = {}, 0
    for name in names:
        current = numbers.index(found[name]) if name in found else current
        layers[name] = current
    return layers
