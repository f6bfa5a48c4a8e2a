"""Which weights a run begins with, and which models a file fits."""

import pytest
import torch

from segbox.errors import ConfigError, UserError
from segbox.registry import BACKBONES
from segbox.starter.recipes import BY_NAME, RECIPES, recipes_for
from segbox.starter.start import Start, backbone_of, fitting, note_of, start_of, with_note

MOBILE = [recipe for recipe in RECIPES if recipe.model.endswith("mnv2")]


@pytest.fixture(scope="module")
def mobile_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobile.pth"
    network = BACKBONES.build(dict(type="MobileNetV2"))
    torch.save({**network.state_dict(), "classifier.1.weight": torch.zeros(1000, 1280)}, path)
    return str(path)


@pytest.mark.parametrize("channels", [3, 5])
def test_a_file_chooses_the_models_that_it_fits(mobile_file, channels):
    assert fitting(RECIPES, start_of(mobile_file, None, None), channels) == MOBILE
    with pytest.raises(ConfigError, match=r"mobile.pth: fits none of the models to choose from \(unet_r34\)"):
        fitting([BY_NAME["unet_r34"]], start_of(mobile_file, None, None), channels)


def test_a_word_chooses_the_models_whose_weights_it_names():
    assert fitting(RECIPES, Start("torchvision://resnet34"), 3) == [BY_NAME["unet_r34"]]
    assert fitting(RECIPES, Start("imagenet"), 3) == fitting(RECIPES, Start(None), 3) == list(RECIPES)
    with pytest.raises(ConfigError, match=r"fits none.*choose one by --model"):
        fitting(RECIPES, Start("timm://convnext_tiny.fb_in1k"), 3)
    [forced] = recipes_for("balance", "pspnet_r50")
    assert fitting([forced], Start("timm://resnet50d.a1_in1k"), 3) == [forced]


def test_the_options_of_the_command_line(mobile_file):
    assert start_of("none", None, None) == Start(None) and start_of("imagenet", None, None).is_known
    assert not start_of(mobile_file, None, None).is_known and start_of(mobile_file, [1.0], [2.0]).is_known
    with pytest.raises(UserError, match=r"--weights nowhere\.pth: there is no such file"):
        start_of("nowhere.pth", None, None)
    with pytest.raises(UserError, match="--mean and --std belong together"):
        start_of("imagenet", [1.0], None)


def test_what_imagenet_means_for_a_model():
    assert note_of(BY_NAME["unet_r34"], "imagenet") == "torchvision://resnet34 (BSD-3-Clause)"
    assert with_note(Start("imagenet"), recipes_for("speed", "segformer")[0]).note.endswith("(NVIDIA, non-commercial)")
    assert with_note(Start("imagenet"), recipes_for("speed", "unet")[0]).word is None
    assert not any(parameter.is_cuda or not parameter.is_meta for parameter in backbone_of(MOBILE[0]).parameters())
