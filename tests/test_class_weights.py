"""Class weights by the name of a rule."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from segbox.class_weights import ClassWeights
from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.statistics import class_pixels
from segbox.errors import ConfigError
from segbox.models.segmentors import build_segmentor
from tests.runs import tiny_runner

SHAPES = ShapesDataset(6, size=(40, 56))
LOSS = {"type": "CrossEntropyLoss", "class_weight": "enet"}
MODEL = {"type": "EncoderDecoder", "backbone": {"type": "ResNet", "variant": "test"}}


def counts():
    pixels = np.zeros(len(SHAPES.classes))
    for i in range(len(SHAPES)):
        label = SHAPES.load(i)["label"]
        pixels += [(label == c).sum() for c in range(len(pixels))]
    return pixels


def test_the_rule_is_counted_from_the_labels():
    shares = counts() / counts().sum()
    expected = [1 / math.log(1.02 + share) if share else 0.0 for share in shares]
    weigh = ClassWeights(partial(class_pixels, SHAPES))
    assert weigh("enet") == pytest.approx(expected)
    assert weigh("auto") == weigh("enet") and weigh("median") != weigh("enet")


@pytest.mark.parametrize(("rule", "power"), [("inverse", 1), ("sqrt", 1 / 2), ("cbrt", 1 / 3)])
def test_roots_of_one_over_the_share(rule, power):
    expected = [pixels**-power if pixels else 0.0 for pixels in counts()]
    mean = sum(expected) / sum(weight > 0 for weight in expected)
    assert ClassWeights(partial(class_pixels, SHAPES))(rule) == pytest.approx([weight / mean for weight in expected])


def test_an_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match=r"'medain'.*Did you mean \"median\"\?"):
        ClassWeights(partial(class_pixels, SHAPES))("medain")


def test_every_loss_of_every_head_gets_its_numbers():
    asked = []
    heads = {
        "decode_head": {"type": "FCNHead", "loss": [LOSS, {"type": "DiceLoss"}]},
        "auxiliary_head": [{"type": "FCNHead", "level": -2, "loss": {**LOSS, "class_weight": "median"}}],
    }
    model = build_segmentor(MODEL | heads, 3, lambda rule: asked.append(rule) or [1.0, 2.0, 3.0])
    assert asked == ["enet", "median"]
    for criterion in model.criteria:
        torch.testing.assert_close(criterion.losses[0].class_weight, torch.tensor([1.0, 2.0, 3.0]))


def test_without_a_training_set_the_model_is_built_all_the_same():
    model = build_segmentor(MODEL | {"decode_head": {"type": "FCNHead", "loss": LOSS}}, 3)
    torch.testing.assert_close(model.criteria[0].losses[0].class_weight, torch.ones(3))


def test_a_run_counts_its_training_set(tmp_path):
    runner = tiny_runner(
        tmp_path, text='model["decode_head"]["loss"] = dict(type="CrossEntropyLoss", class_weight="auto")'
    )
    weight = runner.model.criteria[0].losses[0].class_weight
    assert weight.shape == (7,) and weight[0] == weight[weight > 0].min()  # of the background
