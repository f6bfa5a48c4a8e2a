"""Old names of arguments are accepted by the check and by the build, and the new name is told once."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pytest

from segbox.arguments import Check, Made, parameters_of
from segbox.engine.config_check import check_config
from segbox.engine.settings import TrainSettings
from segbox.errors import ConfigError
from segbox.models.segmentors import build_segmentor
from segbox.registry import BACKBONES, DATASETS, HEADS, HOOKS, LOSSES, NECKS, OPTIMIZERS, SEGMENTORS, TRANSFORMS, call
from segbox.renamed import NEW_NAMES, current_arguments, renamed, renamed_arguments, tell_new_name, with_new_names

REGISTRIES = (BACKBONES, DATASETS, HEADS, HOOKS, LOSSES, NECKS, OPTIMIZERS, SEGMENTORS, TRANSFORMS)


@renamed(size="width")
@dataclass
class Box:
    width: int
    height: int = 1


@renamed(tint="colour")
@dataclass
class Settings:
    colour: str = "red"


@pytest.fixture(autouse=True)
def _nothing_is_told_yet(monkeypatch):
    monkeypatch.setattr(logging.getLogger("segbox"), "propagate", True)  # a test of a run may have ended it
    tell_new_name.cache_clear()


def test_an_old_name_is_built_and_the_new_one_is_told_once(caplog):
    assert call(Box, {"size": 3}, "model.box") == call(Box, {"width": 3}, "model.box") == Box(3)
    assert call(Box, {"size": 4}, "model.box") == Box(4)
    assert caplog.messages == ["model.box.size is now called 'width'; the old name is still accepted"]


def test_both_names_are_refused_by_the_check_and_by_the_build():
    message = "a: 'size' is the old name of 'width'; give 'width' alone"
    assert Check().arguments(Box, {"size": 3, "width": 3}, "a") == [message]
    with pytest.raises(ConfigError, match=message):
        call(Box, {"size": 3, "width": 3}, "a")


def test_the_check_knows_old_names_at_every_depth(caplog):
    kind = Annotated[Mapping, Made(Box, beside=Settings, trial=call)]
    check = Check(tries=True)
    assert check.value({"boxes": {"size": 1, "tint": "blue"}}, Mapping[str, kind], "x") == []
    assert check.value({"boxes": {"size": "1"}}, Mapping[str, kind], "x") == [
        "x.boxes.width: expected a whole number, got '1'"
    ]
    assert check.value({"tint": "blue"}, Mapping, "x") == []
    assert [message.split(";")[0] for message in caplog.messages] == [
        "x.boxes.size is now called 'width'",
        "x.boxes.tint is now called 'colour'",
    ]


def test_a_config_that_is_read_without_a_builder(caplog):
    arguments = {"size": 2, "tint": "blue", "other": 5}
    assert current_arguments(arguments, "", Box, Settings, None) == {"width": 2, "colour": "blue", "other": 5}
    assert arguments == {"size": 2, "tint": "blue", "other": 5}
    assert caplog.messages[0] == "size is now called 'width'; the old name is still accepted"


def test_renamed_arguments_of_models_and_losses(caplog):
    loss = {"type": "CrossEntropyLoss", "class_weight": [1.0, 2.0], "unweight": 0.5}
    head = {"type": "FCNHead", "loss": loss}
    config = {"type": "EncoderDecoder", "backbone": {"type": "ResNet", "variant": "test"}, "decode_head": head}
    check_config({"model": {**config, "zero_gamma": True, "num_classes": 2}}, "model")
    model = build_segmentor({**config, "zero_gamma": True}, 2)
    assert not model.backbone.layer1[0].bn3.weight.any()
    assert model.criteria[0].losses[0].logit_adjustment == 0.5
    assert [message.split(";")[0] for message in caplog.messages] == [
        "model.zero_gamma is now called 'zero_init_residual'",
        "model.decode_head.loss.unweight is now called 'logit_adjustment'",
    ]


def test_new_names_are_arguments_of_their_builder_and_old_ones_are_not():
    for registry in REGISTRIES:
        for name in registry:
            for old, new in renamed_arguments(registry[name]).items():
                assert NEW_NAMES[old] == new, "configs that give both names are merged by this table"
                assert new in parameters_of(registry[name]) and old not in parameters_of(registry[name])
    assert NEW_NAMES.items() >= renamed_arguments(TrainSettings).items()


def test_a_config_of_an_older_checkpoint_has_todays_names():
    old = {
        "train": {"accumulate": 2},
        "hooks": {"lr": {"warmup": 3}, "ema": None},
        "model": {"heads": [{"unweight": 1}]},
    }
    assert with_new_names(old) == {
        "train": {"gradient_accumulation_steps": 2},
        "hooks": {"lr_schedule": {"warmup_steps": 3}, "ema": None},
        "model": {"heads": [{"logit_adjustment": 1}]},
    }
    assert with_new_names(None) is None
