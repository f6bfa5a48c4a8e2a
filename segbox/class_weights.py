"""Class weights of losses, computed from how often the classes occur: `class_weight="enet"` in a model's config.

`RULES` are the formulas by their names. `ClassWeights` counts the training set's labels when the first loss needs it;
`with_class_weights` writes the numbers into the config that the model is built from.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from segbox.errors import ConfigError, did_you_mean

logger = logging.getLogger("segbox")
AUTO = "enet"  # the rule of class_weight="auto": its weights are bounded, however rare a class is
Counts = tuple[np.ndarray, np.ndarray]  # per class: its pixels, and the labelled pixels of the images that contain it
Weigh = Callable[[str], Sequence[float] | None]  # the weights of a rule


# --- rules: weights of absent classes are zero -----------------------------------------------------------------------


def inverse_weights(pixels: np.ndarray, power: float = 1.0) -> np.ndarray:
    """(1 / frequency) ** power, scaled to a mean of 1."""
    weights = _where_present(pixels, lambda present: (pixels.sum() / present) ** power)
    return weights / max(weights[pixels > 0].mean(), 1e-12) if pixels.any() else weights


def enet_weights(pixels: np.ndarray) -> np.ndarray:
    """1 / ln(1.02 + frequency): from 1.4 to 50 (ENet, arXiv 1606.02147)."""
    return _where_present(pixels, lambda present: 1 / np.log(1.02 + present / pixels.sum()))


def median_frequency_weights(pixels: np.ndarray, pixels_where_present: np.ndarray) -> np.ndarray:
    """Median frequency / frequency, where the frequency is counted in the images that contain the class (SegNet)."""
    frequency = pixels / np.maximum(pixels_where_present, 1)
    middle = np.median(frequency[pixels > 0]) if pixels.any() else 0.0
    return _where_present(pixels, lambda present: middle / frequency[pixels > 0])


def _where_present(pixels: np.ndarray, weigh: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    weights = np.zeros(len(pixels))
    if pixels.any():
        weights[pixels > 0] = weigh(pixels[pixels > 0])
    return weights


RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "inverse": lambda pixels, _: inverse_weights(pixels),
    "sqrt": lambda pixels, _: inverse_weights(pixels, 1 / 2),
    "cbrt": lambda pixels, _: inverse_weights(pixels, 1 / 3),
    "enet": lambda pixels, _: enet_weights(pixels),
    "median": median_frequency_weights,
}


def all_weights(pixels: np.ndarray, pixels_where_present: np.ndarray) -> dict[str, np.ndarray]:
    """The weights of every rule, by its name."""
    return {name: weigh(pixels, pixels_where_present) for name, weigh in RULES.items()}


def check_rule(rule: str) -> None:
    known = ["auto", *RULES]
    if rule not in known:
        raise ConfigError(
            f"class_weight: there is no rule {rule!r}.{did_you_mean(rule, known)} Rules: {', '.join(known)}; or give a"
            " number for each class"
        )


class ClassWeights:
    """`weights("enet")`: one number per class. `count` reads the labels, once, when a rule is first used."""

    def __init__(self, count: Callable[[], Counts]) -> None:
        self.count = count
        self.by_rule: dict[str, list[float]] = {}

    def __call__(self, rule: str) -> list[float]:
        check_rule(rule)
        if not self.by_rule:
            logger.info("counting the pixels of each class in the training labels")
            self.by_rule = {name: weights.tolist() for name, weights in all_weights(*self.count()).items()}
        name = AUTO if rule == "auto" else rule
        weights = self.by_rule[name]
        logger.info("class weights (%s): %s", name, ", ".join(f"{w:.3g}" for w in weights))
        return weights


# --- in a model's config ---------------------------------------------------------------------------------------------


def with_class_weights(model: Mapping, weigh: Weigh) -> dict[str, Any]:
    """A model's config with every `class_weight="rule"` of its losses replaced by the result of `weigh(rule)`."""
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
