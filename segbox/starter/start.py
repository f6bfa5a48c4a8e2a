"""What a model begins from: the pretrained weights of its backbone, and which of the models a file of weights fits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from segbox.config import load_config, shipped_configs
from segbox.errors import ConfigError
from segbox.registry import BACKBONES
from segbox.starter.recipes import Recipe
from segbox.weights.backbone import IMAGENET, is_of_a_source, require_all, without_other_parts, word_for
from segbox.weights.input_channels import adapt_first_convolution
from segbox.weights.loading import part_of, read_weights
from segbox.weights.names.backbones import by_our_names
from segbox.weights.published import published

NONE = "none"  # the word for weights at random
Numbers = Sequence[float] | None


@dataclass(frozen=True)
class Start:
    """`word` is `model.backbone_weights`, None begins at random. `mean` and `std` are those that the user states."""

    word: str | None
    note: str = ""  # what the word means for the chosen model
    mean: Numbers = None
    std: Numbers = None

    @property
    def is_known(self) -> bool:
        """Whether mean and std of the weights are known, so that their first stages may stay as they are."""
        return self.word is not None and (is_of_a_source(self.word) or self.mean is not None)


def start_of(word: str, mean: Numbers, std: Numbers) -> Start:
    """From the options of the command line; a path becomes absolute."""
    if (mean is None) != (std is None):
        raise ConfigError("--mean and --std belong together: give both, or none")
    if word == NONE:
        return Start(None, "", mean, std)
    if is_of_a_source(word):
        return Start(word, "", mean, std)
    path = Path(word).expanduser()
    if not path.is_file():
        raise ConfigError(
            f'--weights {word}: there is no such file. Give a file, "imagenet", a word such as torchvision://resnet50,'
            f' or "{NONE}" to begin at random'
        )
    return Start(str(path.resolve()), "", mean, std)


def backbone_of(recipe: Recipe, channels: int = 3) -> nn.Module:
    """The backbone of a model, without memory."""
    config = load_config(shipped_configs() / "_base_" / "models" / f"{recipe.model}.py")
    with torch.device("meta"):
        return BACKBONES.build({**config.model.backbone, "in_channels": channels})


def fitting(recipes: Sequence[Recipe], start: Start, channels: int) -> list[Recipe]:
    """The models whose backbone the weights fit. Raises ConfigError if there is none."""
    if start.word in (None, IMAGENET) or (len(recipes) == 1 and is_of_a_source(start.word)):
        return list(recipes)
    if is_of_a_source(start.word):
        found = [recipe for recipe in recipes if note_of(recipe, IMAGENET).split(" ")[0] == start.word]
        advice = "choose one by --model, which may have any weights"
    else:
        weights = part_of(read_weights(start.word), "backbone.")
        found = [recipe for recipe in recipes if fits(weights, backbone_of(recipe, channels), start.word)]
        advice = "name another file, or choose the model by --model"
    if not found:
        names = ", ".join(recipe.model for recipe in recipes)
        raise ConfigError(f"--weights {start.word}: fits none of the models to choose from ({names}); {advice}")
    return found


def fits(weights: dict, backbone: nn.Module, source: str) -> bool:
    try:
        own = adapt_first_convolution(by_our_names(weights, backbone, source), backbone)
        require_all(without_other_parts(own, backbone, source), backbone, source)
    except ConfigError:
        raise
    except ValueError:
        return False
    return True


def note_of(recipe: Recipe, word: str | None) -> str:
    """The source and the licence of a word for the backbone of a model; empty if nobody publishes such weights."""
    if word is None or not is_of_a_source(word):
        return ""
    try:
        meaning = word_for(backbone_of(recipe), word)
    except ConfigError:
        return ""
    known = published(meaning)
    return f"{meaning} ({known.licence or 'no licence stated'})" if known else meaning


def with_note(start: Start, recipe: Recipe) -> Start:
    """The start of a model: "imagenet" means nothing for a backbone that nobody has trained."""
    note = note_of(recipe, start.word)
    return replace(start, word=None) if start.word == IMAGENET and not note else replace(start, note=note)
