"""Class weights by the name of a rule: numbers that only the training set knows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from segbox.errors import ConfigError

HEADS = ("decode_head", "auxiliary_head")
Weigh = Callable[[str], Sequence[float] | None]


def with_class_weights(model: Mapping, weigh: Weigh) -> dict[str, Any]:
    """A model's config with every `class_weight="rule"` of its losses replaced by what `weigh` gives for the rule."""
    heads = {
        key: _in_heads(model[key], weigh, f"model.{key}") for key in ("decode_head", "auxiliary_head") if key in model
    }
    return {**model, **heads}


def _in_heads(heads: Any, weigh: Weigh, path: str) -> Any:
    if isinstance(heads, list | tuple):
        return [_in_heads(head, weigh, f"{path}.{i}") for i, head in enumerate(heads)]
    if not isinstance(heads, Mapping) or "loss" not in heads:
        return heads
    return {**heads, "loss": _in_losses(heads["loss"], weigh, f"{path}.loss")}


def _in_losses(losses: Any, weigh: Weigh, path: str) -> Any:
    if isinstance(losses, list | tuple):
        return [_in_losses(loss, weigh, f"{path}.{i}") for i, loss in enumerate(losses)]
    if not isinstance(losses, Mapping) or not isinstance(losses.get("class_weight"), str):
        return losses
    try:
        return {**losses, "class_weight": weigh(losses["class_weight"])}
    except ConfigError as error:
        raise ConfigError(f"{path}.{error}") from error
