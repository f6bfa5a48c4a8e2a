"""The table says of its models what is true."""

import pytest

from segbox.config import load_config
from segbox.models.complexity import build_without_data, costs_of
from segbox.starter.recipes import PURPOSES, RECIPES, recipes_for
from segbox.starter.start import note_of
from tests.runs import ROOT

MODELS = ROOT / "configs" / "_base_" / "models"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.model)
def test_operations_stride_and_weights(recipe):
    model = build_without_data(load_config(MODELS / f"{recipe.model}.py").model, 19)
    flops = costs_of(model, (512, 512))["total"].flops
    assert flops / 1e9 == pytest.approx(recipe.gflops, rel=0.02)
    assert max(model.backbone.strides) == recipe.stride
    assert recipe.has_pyramid == hasattr(model.decode_head, "pyramid")
    assert note_of(recipe, "imagenet").startswith("torchvision://")


def test_purposes_go_from_light_to_heavy():
    for recipes in PURPOSES.values():
        assert [own.gflops for own in recipes] == sorted(own.gflops for own in recipes)


def test_a_model_outside_of_the_table_keeps_its_schedule():
    [forced] = recipes_for("speed", "segformer")
    assert forced.schedule == "adamw_poly" and forced.lr is None
    assert recipes_for("speed", "pspnet_r50")[0].schedule == "sgd_poly"
    assert recipes_for("speed", "unet_r34")[0].lr is not None
