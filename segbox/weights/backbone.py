"""Pretrained weights of a backbone: which file a word means, and how it gets into the model."""

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from segbox.errors import CheckpointError, ConfigError
from segbox.weights.fit import Fit, compare
from segbox.weights.input_channels import adapt_first_convolution
from segbox.weights.loading import load_weights, part_of, read_weights_of
from segbox.weights.mean_std import OF_CARD, STATED, Card, differences, formatted, reconcile_mean_std
from segbox.weights.names.backbones import by_our_names
from segbox.weights.sources.find import find_weights

IMAGENET = "imagenet"  # the word for the best public ImageNet weights of a backbone
logger = logging.getLogger("segbox")


def is_of_a_source(word: str) -> bool:
    """Whether a word names weights that may have to be downloaded; the others are paths."""
    return word == IMAGENET or "://" in word


def word_for(backbone: nn.Module, word: str | Path) -> str:
    """The word of a source; "imagenet" is the one that the backbone names for its form."""
    if str(word) != IMAGENET:
        return str(word)
    own, known = type(backbone).__name__, getattr(backbone, "imagenet", {})
    form = getattr(backbone, "form", "")
    if form in known:
        return known[form]
    if own == "Timm":
        raise ConfigError(
            'model.backbone_weights: "imagenet" is for the other backbones; for timm\'s weights set'
            " model.backbone.pretrained=True, and choose them by model.backbone.name (such as pvt_v2_b2.in1k)"
        )
    others = f"; there are weights of {own} {', '.join(known)}" if known else ""
    raise ConfigError(
        f'model.backbone_weights: "imagenet": nobody publishes ImageNet weights of {own} {form}'.rstrip()
        + f"{others}. Set model.backbone_weights to None to begin at random, or to a file"
    )


def load_backbone_parameters(
    model: nn.Module, word: str | Path, map_location: str | torch.device | None = None, strict: bool = True
) -> Fit:
    """Load the weights of the backbone, from a file of the backbone or of a whole model, whose mean and std come along.

    Names of torchvision, timm, Hugging Face and mmsegmentation become ours, and a first convolution for RGB images is
    adapted to the model's number of channels. With `strict=False`, tensors that do not fit are skipped and logged.
    """
    file = find_weights(word_for(model.backbone, word), "begin without it: model.backbone_weights=None")
    weights = read_weights_of(file)
    own = by_our_names(part_of(weights, "backbone."), model.backbone, file.word)
    own = adapt_first_convolution(own, model.backbone)
    if strict:
        own = without_other_parts(own, model.backbone, file.word)
        require_all(own, model.backbone, file.word)
    own = {name: value.to(map_location) for name, value in own.items()}
    fit = load_weights(model.backbone, own, file.word, not strict)
    numbers = {name: value for name, value in weights.items() if name in model.mean_std_sources}
    if numbers or file.card is None:
        model.load_state_dict(reconcile_mean_std(model, numbers, file.word), strict=False)
    else:
        take_from_card(model, file.card)
    return fit


def without_other_parts(weights: Mapping[str, Tensor], backbone: nn.Module, source: str) -> dict[str, Tensor]:
    """The tensors of modules that the backbone has. Others (heads, projections) are not the backbone's, and logged."""
    modules = {name.partition(".")[0] for name in backbone.state_dict()}
    kept = {name: value for name, value in weights.items() if name.partition(".")[0] in modules}
    others = sorted({name.partition(".")[0] for name in weights.keys() - kept.keys()})
    if others and kept:
        logger.info("%s: not used, as the backbone has no such parts: %s", source, ", ".join(others[:8]))
    return kept or dict(weights)


def require_all(weights: Mapping[str, Tensor], backbone: nn.Module, source: str) -> None:
    """Every tensor of the backbone must be in the file, and every tensor of the file's same parts in the backbone."""
    fit = compare(backbone, weights)
    if fit.is_perfect():
        return
    name = f"{type(backbone).__name__} {getattr(backbone, 'form', '')}".rstrip()
    known = getattr(backbone, "imagenet", {}).get(getattr(backbone, "form", ""))
    hint = (
        f'for it, set model.backbone_weights="imagenet" ({known})'
        if known
        else "set model.backbone_weights to None to begin at random"
    )
    raise CheckpointError(f"{source}: are not the weights of {name} (model.backbone); {hint}\n{fit.report()}")


def take_from_card(model: nn.Module, card: Card) -> None:
    """Mean and std of the weights' card, for images of as many channels, unless the config states others."""
    numbers = {}
    for name in model.mean_std_sources:
        buffer = model.get_buffer(name)
        if buffer.numel() == len(getattr(card, name)):
            numbers[name] = buffer.new_tensor(getattr(card, name)).view_as(buffer)
    changed = [name for name, *_ in differences(model, numbers)]
    for name in numbers:
        if model.mean_std_sources[name] == STATED:
            if name in changed and 1 < max(model.mean.flatten().tolist()) <= 255:  # else images of other units
                logger.warning(
                    f"model.{name}: the config's {formatted(model.get_buffer(name).flatten().tolist())} is used; the"
                    f" weights of {card.name} were trained with {formatted(getattr(card, name))}"
                )
            continue
        model.get_buffer(name).copy_(numbers[name])
        model.mean_std_sources[name] = OF_CARD + card.name
