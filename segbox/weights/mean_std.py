"""The mean and std of a model: who says them, and which hold when weights come with others.

In this order: what the config states (`model.mean`, `model.std`); what a file of weights of this toolbox holds, as
weights belong to the numbers that they were trained with; the card of the backbone's pretrained weights; ImageNet's.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from segbox.errors import ConfigError
from segbox.weights.card import Card

logger = logging.getLogger("segbox")
Given = Sequence[float] | float | None  # one number for each channel, one for all of them, or none stated
IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}  # of RGB bytes
STATED, DEFAULT, OF_CARD = "the config", "ImageNet", "the card of "  # sources; another one is a file's path
Settle = Callable[[nn.Module, Mapping[str, Tensor], str | Path], dict[str, Tensor]]


@dataclass(frozen=True)
class Numbers:
    """One number for each channel, in the units of the images, and whose they are."""

    values: tuple[float, ...]
    source: str


def choose_numbers(mean: Given, std: Given, channels: int, card: Card | None) -> dict[str, Numbers]:
    """The mean and the std of a model before any file is read. Others than a binding card's are refused."""
    stated = {"mean": mean, "std": std}
    chosen = {}
    for name, given in stated.items():
        if given is not None:
            chosen[name] = Numbers(per_channel(given, channels, name), STATED)
        else:
            values, source = (IMAGENET[name], DEFAULT) if card is None else (getattr(card, name), OF_CARD + card.name)
            chosen[name] = Numbers(per_channel(values, channels, name), source)
    if card is not None and card.is_binding and channels == len(card.mean):
        refuse_others_than_the_card(chosen, card)
    return chosen


def per_channel(numbers: Sequence[float] | float, channels: int, name: str) -> tuple[float, ...]:
    """One number for each channel; a single one serves all."""
    values = (numbers,) * channels if isinstance(numbers, int | float) else tuple(numbers)
    if len(values) != channels:
        raise ConfigError(
            f"model.{name}: {len(values)} numbers ({', '.join(map(str, values))}) for images of {channels} channels;"
            f" say model.{name}=[...] with {channels} numbers, or one number for all of them"
        )
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise ConfigError(f"model.{name}: expected numbers, got {numbers!r}")
    if name == "std" and min(values) <= 0:
        raise ConfigError(f"model.std: images are divided by it, so it must be above 0, got {numbers!r}")
    return tuple(map(float, values))


def refuse_others_than_the_card(chosen: Mapping[str, Numbers], card: Card) -> None:
    for name, numbers in chosen.items():
        expected = getattr(card, name)
        if not all(math.isclose(own, its, rel_tol=1e-3, abs_tol=0.01) for own, its in zip(numbers.values, expected)):
            raise ConfigError(
                f"model.{name}: {few(numbers.values)}, but the pretrained weights of {card.name} were trained with"
                f" mean {few(card.mean)} and std {few(card.std)}. Leave model.mean and model.std out, and these are"
                " taken; to keep your own (images in other units than bytes), say model.backbone.check_card=False"
            )


def settle(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """The weights without the numbers that stay the model's own: those that the config states. A difference is told.

    A model that does not say whose its numbers are (`number_sources`) takes the file's.
    """
    sources = getattr(model, "number_sources", {})
    settled = {name: value for name, value in weights.items() if name not in sources}
    for name, theirs, own in differences(model, weights):
        if sources[name] == STATED:
            logger.warning(
                f"model.{name}: {few(own)} of the config holds; the weights of {source} were trained with {few(theirs)}"
            )
        else:
            logger.info(
                f"model.{name}: {few(theirs)} is taken from {source}, as the config states none"
                f" (before: {few(own)} of {sources[name]})"
            )
            settled[name] = weights[name]
            sources[name] = str(source)
    return settled


def settle_or_refuse(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """Where nothing is trained any more, other numbers than those of training would spoil all predictions."""
    for name, theirs, own in differences(model, weights):
        if model.number_sources[name] == STATED:
            raise ConfigError(
                f"model.{name}: {few(own)}, but the weights of {source} were trained with {few(theirs)}."
                f" Leave model.{name} out, and that is taken, or state it"
            )
    return settle(model, weights, source)


def differences(model: nn.Module, weights: Mapping[str, Tensor]) -> list[tuple[str, list[float], list[float]]]:
    """The name, the file's numbers and the model's, where they differ by more than the file's precision."""
    found = []
    for name in getattr(model, "number_sources", ()):
        own, theirs = model.get_buffer(name).cpu(), weights.get(name)
        if theirs is None or theirs.shape != own.shape or not is_plain(theirs):  # `load_weights` tells of these
            continue
        if not torch.equal(own.to(theirs.dtype), theirs.cpu()):
            found.append((name, theirs.flatten().tolist(), own.flatten().tolist()))
    return found


def describe_numbers(model: nn.Module) -> str:
    """For the first lines of a run; nothing for a model with ways of its own."""
    own = {name: model.get_buffer(name).flatten().tolist() for name in getattr(model, "number_sources", ())}
    told = [f"{name} {few(values)} of {model.number_sources[name]}" for name, values in own.items()]
    return f"images are normalised with {', '.join(told)}" if told else ""


def is_of_bytes(source: str) -> bool:
    """Whether numbers from there are for images of bytes, whatever the images are."""
    return source == DEFAULT or source.startswith(OF_CARD)


def is_plain(value: Tensor) -> bool:
    return value.is_floating_point() and value.layout == torch.strided and not value.is_meta


def few(numbers: Sequence[float]) -> str:
    return f"({', '.join(f'{number:.6g}' for number in numbers)})"
