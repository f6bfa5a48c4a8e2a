"""Builds the trained model that a word names, by its own config or by one of the user."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

from torch import nn

from segbox.config import Config, with_overrides
from segbox.data.class_names import check_count, checked_classes
from segbox.data.palette import Colour, checked_palette, default_palette
from segbox.errors import CheckpointError, ConfigError
from segbox.evaluation.inference import build_inference
from segbox.evaluation.own_data import own_data
from segbox.interop.saved import Saved, read_saved
from segbox.models.class_rows import plain_name
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.registry import import_extensions
from segbox.weights.loading import load_weights
from segbox.weights.mean_std import require_same_mean_std

DEFAULT_TEST = {p.name: p.default for p in signature(build_inference).parameters.values() if p.name != "model"}


@dataclass(frozen=True)
class Opened:
    """A trained model, and the config that it runs by. `saved` has no weights any more: the model has them."""

    model: nn.Module
    config: Mapping[str, Any]  # its sections model, test, data
    saved: Saved
    classes: tuple[str, ...] | None

    def names(self) -> tuple[str, ...]:
        """The names of the classes; numbers, if another library has not stored names."""
        own = self.saved.config.get("model", {})
        if self.classes is None and (self.saved.stands_alone or "num_classes" in own):
            return tuple(f"class {i}" for i in range(self.num_classes()))
        if self.classes is None:
            raise CheckpointError(
                f"{self.saved.source}: holds no class names; use a checkpoint that segbox train wrote"
            )
        return self.classes

    def num_classes(self) -> int:
        return self.model.criteria[0].num_classes

    def palette(self) -> list[Colour]:
        """A colour for each class; chosen by us, if the file has none."""
        given = self.saved.palette
        if given is None:
            return default_palette(self.num_classes())
        return checked_palette(given, self.num_classes(), f"{self.saved.source}: palette")


def open_model(
    word: str | Path | Saved, config: Mapping[str, Any] | None = None, num_classes: int | None = None
) -> Opened:
    """The model that a word names, or that was read already. `num_classes` is the number of the user's data set.

    A checkpoint of a run is built and run by the user's config, if there is one, and by its own otherwise. The model of
    any other word is its own; data, test and metric are the user's where his config has them.
    """
    saved = word if isinstance(word, Saved) else read_saved(word)
    settings = settings_of(saved, config)
    classes = None if saved.classes is None else checked_classes(saved.classes, f"{saved.source}: classes")
    own = settings["model"].get("num_classes") if saved.stands_alone else num_classes
    model = build_segmentor(without_weights(settings["model"]), own or (len(classes) if classes else None))
    check_count(model.criteria[0].num_classes, saved.source)
    load_weights(model, saved.weights, saved.source, reconcile=require_same_mean_std)
    return Opened(model, settings, replace(saved, weights={}), classes)


class Settled(Config):
    """A config that is decided: `open_model` builds by it as it stands."""


def settled(saved: Saved, config: Mapping[str, Any] | None, overrides: Sequence[str]) -> Settled:
    """The config of a command: that of the user for this model, or the model's own with the overrides."""
    return own_config(saved, overrides) if config is None else Settled(settings_of(saved, config))


def settings_of(saved: Saved, config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The sections by which a saved model is built and run. The user's `imports` are imported.

    The sections data and metric, and test if it is not all defaults, are the user's.
    """
    import_extensions((config or {}).get("imports", ()))
    if isinstance(config, Settled) or (config is not None and not saved.stands_alone):
        return config
    own = complete(saved)
    if config is None:
        return own
    given = ["data", "metric", *(["test"] if says_more_than_defaults(config.get("test") or {}) else [])]
    return {**own, **{name: config[name] for name in given if config.get(name)}}


def says_more_than_defaults(test: Mapping[str, Any]) -> bool:
    """Whether a section `test` has a value that is no default; the shipped configs write the defaults out."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in test.items()}
    return any(name not in DEFAULT_TEST or value != DEFAULT_TEST[name] for name, value in values.items())


def own_config(saved: Saved, overrides: Sequence[str] = ()) -> Settled:
    """The config that a trained model brings along, with overrides."""
    own = complete(saved)
    changed = [override for override in overrides if override.startswith("model.")]
    if changed and saved.stands_alone:
        raise ConfigError(
            f"override {changed[0]!r}: the model of {saved.source} is fixed; data, test, metric can be changed"
        )
    if overrides:
        own["test"] = {**DEFAULT_TEST, **own.get("test", {})}
    return Settled(with_overrides(own, overrides))


def complete(saved: Saved) -> dict[str, Any]:
    """A saved model's own config; CheckpointError if it is not enough to build the model."""
    if "model" not in saved.config:
        raise CheckpointError(
            f"{saved.source}: holds weights, but not the config of their model. Name it before the checkpoint:"
            " segbox predict CONFIG CHECKPOINT SOURCE; in Python: segbox.load(CHECKPOINT, config=CONFIG)"
        )
    refuse_unknown_imports(saved.config.get("imports", ()), saved.source)
    return {**saved.config, "data": own_data(saved)}


def refuse_unknown_imports(modules: Sequence[str], source: str) -> None:
    """A downloaded config must not choose what code is imported: modules of its `imports` count if they are loaded."""
    missing = [name for name in modules if name not in sys.modules]
    if missing:
        raise CheckpointError(
            f"{source}: its model has parts of your own ({', '.join(map(str, missing))}), which a checkpoint cannot"
            f" import. Name its config: segbox predict CONFIG CHECKPOINT SOURCE; in Python: import {missing[0]} before"
        )


def check_classes(opened: Opened, classes: Sequence[str]) -> None:
    """Refuse a model that was trained on other classes than those of the data set. Case, spaces, hyphens and
    underscores do not count."""
    theirs, source = opened.classes, opened.saved.source
    if theirs is None and opened.num_classes() != len(classes):
        raise ConfigError(f"{source} has {opened.num_classes()} classes; the config's data set has {len(classes)}")
    if theirs is not None and [*map(plain_name, theirs)] != [*map(plain_name, classes)]:
        raise ConfigError(
            f"{source} was trained on {', '.join(theirs)}; the config's data set has {', '.join(classes)}"
        )
