"""Class weights by the name of a rule: numbers that only the training set knows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Weigh = Callable[[str], Sequence[float] | None]


def with_class_weights(model: Mapping, weigh: Weigh) -> dict[str, Any]:
    """A model's config with every `class_weight="rule"` of its losses replaced by what `weigh` gives for the rule."""
    heads = {key: _in_heads(model[key], weigh) for key in ("decode_head", "auxiliary_head") if key in model}
    return {**model, **heads}


def _in_heads(heads: Any, weigh: Weigh) -> Any:
    if isinstance(heads, list | tuple):
        return [_in_heads(head, weigh) for head in heads]
    if not isinstance(heads, Mapping) or "loss" not in heads:
        return heads
    return {**heads, "loss": _in_losses(heads["loss"], weigh)}


def _in_losses(losses: Any, weigh: Weigh) -> Any:
    if isinstance(losses, list | tuple):
        return [_in_losses(loss, weigh) for loss in losses]
    if not isinstance(losses, Mapping) or not isinstance(losses.get("class_weight"), str):
        return losses
    return {**losses, "class_weight": weigh(losses["class_weight"])}
