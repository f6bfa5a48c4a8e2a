"""timm's own files for the backbone `Timm`, which wraps timm's network and may flatten its names."""

from collections.abc import Mapping

from torch import Tensor, nn

from segbox.weights.names.rename import Weights

WRAPPERS = ("network.", "model.")


def of_timm(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """`stages.0.blocks` and `stages_0.blocks` are the same tensor; an ambiguous name is left as it is."""
    own: dict[str, list[str]] = {}
    for name in backbone.state_dict():
        own.setdefault(without_wrappers(name), []).append(name)
    found = {}
    for name, value in weights.items():
        known = own.get(without_wrappers(name), [])
        found[known[0] if len(known) == 1 else name] = value
    return found


def without_wrappers(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    return name.replace("_", ".")
