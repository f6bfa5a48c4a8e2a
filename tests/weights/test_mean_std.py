"""Whose mean and std a model has, and what becomes of them when weights come with others."""

import logging

import pytest
import torch

from segbox.config import Config
from segbox.errors import ConfigError
from segbox.evaluation.open_model import open_model
from segbox.weights.mean_std import IMAGENET, STATED, Card, choose_mean_std
from tests.tiny import tiny_model

HALF = (127.5, 127.5, 127.5)
CARD = Card("siglip", HALF, HALF)


def numbers_of(model):
    return model.mean.flatten().tolist(), model.std.flatten().tolist()


def saved(path, **model):
    torch.save({"model": tiny_model(**model).state_dict(), "classes": list("abcde")}, path)
    return str(path)


def test_who_says_the_numbers():
    chosen = choose_mean_std(None, None, 3, None)
    assert chosen["mean"].values == IMAGENET["mean"] and chosen["std"].source == "ImageNet"
    chosen = choose_mean_std(None, None, 3, CARD)
    assert chosen["mean"].values == chosen["std"].values == HALF and chosen["mean"].source == "the card of siglip"
    chosen = choose_mean_std(10, None, 3, CARD)
    assert chosen["mean"].values == (10.0, 10.0, 10.0) and chosen["mean"].source == STATED
    assert chosen["std"].values == HALF


@pytest.mark.parametrize(
    ("mean", "std"), [((123.675, 116.28, 103.53), None), (None, 58.0), (HALF, (127.5, 127.5, 120.0)), (0.5, 0.5)]
)
def test_a_binding_card_refuses_other_numbers(mean, std):
    binding = Card("siglip", HALF, HALF, is_binding=True)
    with pytest.raises(ConfigError, match=r"siglip were trained with mean \(127\.5, .*check_card=False"):
        choose_mean_std(mean, std, 3, binding)
    assert choose_mean_std(mean, std, 3, CARD)
    assert choose_mean_std(127.5, HALF, 3, binding)["mean"].source == STATED
    assert choose_mean_std(2000, 300, 4, binding)["mean"].values == (2000.0,) * 4  # of which the card says nothing


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((1, 2), None, r"model\.mean: 2 numbers \(1, 2\) for images of 3 channels"),
        (float("nan"), None, r"model\.mean: expected numbers"),
        ((1, 2, "3"), None, r"model\.mean: expected numbers"),
        (None, (1, 0, 1), r"model\.std: images are divided by it, so it must be above 0"),
    ],
)
def test_numbers_that_are_none(mean, std, message):
    with pytest.raises(ConfigError, match=message):
        choose_mean_std(mean, std, 3, None)


@pytest.mark.parametrize("argument", ["weights", "backbone_weights"])
def test_weights_bring_their_numbers_unless_the_config_states_others(tmp_path, caplog, argument):
    path = saved(tmp_path / "a.pt", mean=127.5, std=100)
    with caplog.at_level(logging.INFO, "segbox"):
        model = tiny_model(**{argument: path})
        assert numbers_of(model) == (list(HALF), [100.0] * 3)
        assert f"model.mean: (127.5, 127.5, 127.5) is taken from {path}, as the config states none" in caplog.text
        assert model.mean_std_sources == {"mean": path, "std": path}
        caplog.clear()
        model = tiny_model(**{argument: path}, mean=(1, 2, 3))
        assert numbers_of(model) == ([1.0, 2.0, 3.0], [100.0] * 3)
        assert (
            f"model.mean: the config's (1, 2, 3) is used; the weights of {path} were trained with (127.5" in caplog.text
        )
        caplog.clear()
        model = tiny_model(**{argument: path}, mean=127.5, std=100)
        assert "model." not in caplog.text and numbers_of(model) == (list(HALF), [100.0] * 3)


def test_weights_of_other_toolboxes_have_no_numbers(tmp_path, caplog):
    weights = {name: value for name, value in tiny_model().state_dict().items() if name not in ("mean", "std")}
    torch.save(weights, tmp_path / "a.pt")
    with caplog.at_level(logging.INFO, "segbox"):
        model = tiny_model(mean=7, std=8)
        assert model.load_parameters(tmp_path / "a.pt").is_perfect()
    assert numbers_of(model) == ([7.0] * 3, [8.0] * 3) and not caplog.text


def test_rounding_to_half_precision_is_no_difference(tmp_path, caplog):
    path = tmp_path / "half.pt"
    weights = tiny_model(mean=123.675).state_dict()
    torch.save({n: value.half() if value.is_floating_point() else value for n, value in weights.items()}, path)
    model = tiny_model(mean=123.675, weights=str(path))
    assert numbers_of(model)[0] == pytest.approx([123.675] * 3, abs=1e-5) and "model.mean" not in caplog.text


def test_predictions_refuse_other_numbers_than_those_of_training(tmp_path):
    path = saved(tmp_path / "a.pt", mean=127.5, std=100)
    parts = dict(backbone=dict(type="ResNet", variant="test"), decode_head=dict(type="FCNHead"))
    config = Config(model=dict(type="EncoderDecoder", **parts))
    assert numbers_of(open_model(path, config).model) == (list(HALF), [100.0] * 3)
    config.model.mean = 0
    with pytest.raises(
        ConfigError, match=r"model\.mean: \(0, 0, 0\), but the weights of .*a\.pt were trained with \(127\.5"
    ):
        open_model(path, config)
    config.model.mean = 127.5
    assert open_model(path, config)
