"""The mean and std by which a model normalizes images, and what happens when loaded weights have others.

The first of these that exists is used: `model.mean` and `model.std` of the config; the values in a weight file of this
toolbox; the card of the backbone's pretrained weights; ImageNet's.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from segbox.errors import ConfigError

logger = logging.getLogger("segbox")
PerChannel = Sequence[float] | float | None  # one number per channel, one for all channels, or not set
IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}  # of RGB bytes
STATED, DEFAULT, OF_CARD = "the config", "ImageNet", "the card of "  # sources; any other source is a file's path
Reconcile = Callable[[nn.Module, Mapping[str, Tensor], str | Path], dict[str, Tensor]]


@dataclass(frozen=True)
class Card:
    """The mean and std that a backbone's pretrained weights were trained with, as published by their authors.

    `is_binding`: the backbone has loaded these weights, and its config asks for a check that mean and std agree.
    """

    name: str
    mean: tuple[float, ...]  # of RGB bytes
    std: tuple[float, ...]
    is_binding: bool = False


@dataclass(frozen=True)
class Values:
    """A mean or a std: one number per channel, in the units of the images, and where they come from."""

    values: tuple[float, ...]
    source: str


def choose_mean_std(mean: PerChannel, std: PerChannel, channels: int, card: Card | None) -> dict[str, Values]:
    """The mean and std of a model before any file is read. Raises ConfigError if they differ from a binding card."""
    stated = {"mean": mean, "std": std}
    chosen = {}
    for name, given in stated.items():
        if given is not None:
            chosen[name] = Values(per_channel(given, channels, name), STATED)
        else:
            values, source = (IMAGENET[name], DEFAULT) if card is None else (getattr(card, name), OF_CARD + card.name)
            chosen[name] = Values(per_channel(values, channels, name), source)
    if card is not None and card.is_binding and channels == len(card.mean):
        check_against_card(chosen, card)
    return chosen


def per_channel(numbers: Sequence[float] | float, channels: int, name: str) -> tuple[float, ...]:
    """One number per channel; a single number is repeated."""
    values = (numbers,) * channels if isinstance(numbers, int | float) else tuple(numbers)
    if len(values) != channels:
        raise ConfigError(
            f"model.{name}: {len(values)} numbers ({', '.join(map(str, values))}) for images of {channels} channels;"
            f" set model.{name}=[...] to {channels} numbers, or to one number for all channels"
        )
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise ConfigError(f"model.{name}: expected numbers, got {numbers!r}")
    if name == "std" and min(values) <= 0:
        raise ConfigError(f"model.std: images are divided by it, so it must be above 0, got {numbers!r}")
    return tuple(map(float, values))


def check_against_card(chosen: Mapping[str, Values], card: Card) -> None:
    for name, own in chosen.items():
        expected = getattr(card, name)
        if not all(math.isclose(a, b, rel_tol=1e-3, abs_tol=0.01) for a, b in zip(own.values, expected)):
            raise ConfigError(
                f"model.{name}: {formatted(own.values)}, but the pretrained weights of {card.name} were trained with"
                f" mean {formatted(card.mean)} and std {formatted(card.std)}. Remove model.mean and model.std from the"
                " config to use these; to keep your own (images in other units than bytes), set"
                " model.backbone.check_card=False"
            )


def reconcile_mean_std(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """The weights without the mean and std that the model does not take from them. Differences are logged.

    A mean or std that the config states is kept; otherwise the file's is taken. A model without `mean_std_sources`
    takes the file's.
    """
    sources = getattr(model, "mean_std_sources", {})
    reconciled = {name: value for name, value in weights.items() if name not in sources}
    for name, theirs, own in differences(model, weights):
        if sources[name] == STATED:
            logger.warning(
                f"model.{name}: the config's {formatted(own)} is used; the weights of {source} were trained with"
                f" {formatted(theirs)}"
            )
        else:
            logger.info(
                f"model.{name}: {formatted(theirs)} is taken from {source}, as the config states none"
                f" (before: {formatted(own)} of {sources[name]})"
            )
            reconciled[name] = weights[name]
            sources[name] = str(source)
    return reconciled


def require_same_mean_std(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """`reconcile_mean_std` for predictions, where a mean or std other than in training is an error."""
    for name, theirs, own in differences(model, weights):
        if model.mean_std_sources[name] == STATED:
            raise ConfigError(
                f"model.{name}: {formatted(own)}, but the weights of {source} were trained with {formatted(theirs)}."
                f" Remove model.{name} from the config, or set it to that"
            )
    return reconcile_mean_std(model, weights, source)


def differences(model: nn.Module, weights: Mapping[str, Tensor]) -> list[tuple[str, list[float], list[float]]]:
    """(name, the file's values, the model's values) where they differ by more than the precision of the file."""
    found = []
    for name in getattr(model, "mean_std_sources", ()):
        own, theirs = model.get_buffer(name).cpu(), weights.get(name)
        if theirs is None or theirs.shape != own.shape or not is_plain(theirs):  # `load_weights` reports these
            continue
        if not torch.equal(own.to(theirs.dtype), theirs.cpu()):
            found.append((name, theirs.flatten().tolist(), own.flatten().tolist()))
    return found


def describe_mean_std(model: nn.Module) -> str:
    """One of the first lines of a run; empty for a model without `mean_std_sources`."""
    own = {name: model.get_buffer(name).flatten().tolist() for name in getattr(model, "mean_std_sources", ())}
    parts = [f"{name} {formatted(values)} of {model.mean_std_sources[name]}" for name, values in own.items()]
    return f"images are normalized with {', '.join(parts)}" if parts else ""


def is_for_bytes(source: str) -> bool:
    """Whether a mean or std from this source is for images of bytes."""
    return source == DEFAULT or source.startswith(OF_CARD)


def is_plain(value: Tensor) -> bool:
    return value.is_floating_point() and value.layout == torch.strided and not value.is_meta


def formatted(numbers: Sequence[float]) -> str:
    return f"({', '.join(f'{number:.6g}' for number in numbers)})"
