"""Models of transformers, with random weights, beside that library's own logits. One file: its import takes seconds."""

import json
import warnings

import pytest
import torch
from torch.nn.functional import interpolate

from segbox.interop.transformers import convert_transformers, read_transformers
from tests.interop.parity import assert_equal_logits, randomized

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformers import (
        ConvNextConfig,
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SwinConfig,
        UperNetConfig,
        UperNetForSemanticSegmentation,
    )

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def segformer(**arguments):
    shape = dict(hidden_sizes=[8, 16, 40, 64], depths=[1, 1, 1, 2], decoder_hidden_size=16)
    return randomized(SegformerForSemanticSegmentation(SegformerConfig(**shape, num_labels=5, **arguments)))


def upernet(backbone, **arguments):
    own = dict(hidden_size=16, auxiliary_channels=8, num_labels=5) | arguments
    return randomized(UperNetForSemanticSegmentation(UperNetConfig(backbone_config=backbone, **own)))


def swin(**arguments):
    shape = dict(embed_dim=16, depths=[1, 2, 1, 2], num_heads=[1, 2, 4, 8], window_size=2)
    return SwinConfig(**shape, out_features=STAGES, **arguments)


def convnext():
    return ConvNextConfig(hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 2, 1], out_features=STAGES)


MODELS = {
    "segformer": (lambda: segformer(), (65, 83)),
    "upernet swin": (lambda: upernet(swin()), (96, 128)),
    "upernet convnext": (lambda: upernet(convnext(), auxiliary_num_convs=2, pool_scales=[1, 2]), (96, 128)),
}


def logits_of(model):
    def logits(images):
        return interpolate(model(images).logits, images.shape[-2:], mode="bilinear", align_corners=False)

    return logits


@pytest.fixture(scope="module", params=list(MODELS))
def case(request, tmp_path_factory):
    """A model, the folder it was saved to, the size of images."""
    build, size = MODELS[request.param]
    model, folder = build(), tmp_path_factory.mktemp("saved")
    model.save_pretrained(folder)
    return model, folder, size


def test_logits_of_a_saved_folder_are_those_of_transformers(case):
    model, folder, size = case
    imported = read_transformers(str(folder))
    assert_equal_logits(imported, logits_of(model), size)
    assert imported.classes is None  # LABEL_0 ... are no names


def test_names_of_the_modules_are_taken_too(case):
    model, folder, _ = case
    of_file = read_transformers(str(folder)).weights
    config = json.loads((folder / "config.json").read_text())
    of_modules = convert_transformers(config, model.state_dict(), "x").weights
    assert of_file.keys() == of_modules.keys()
    assert all(torch.equal(of_file[name], of_modules[name]) for name in of_file)


def test_the_auxiliary_head_is_that_of_transformers():
    model = upernet(swin())
    imported = convert_transformers(saved(model), model.state_dict(), "x")
    ours = assert_equal_logits(imported, logits_of(model), (96, 128))
    images = torch.randint(0, 256, (1, 3, 96, 128), dtype=torch.uint8)
    with torch.no_grad():
        found = ours.auxiliary_heads[0](ours.maps_and_features(images)[0])
        maps = model.backbone.forward_with_filtered_kwargs((images - ours.mean) / ours.std).feature_maps
        expected = model.auxiliary_head(maps)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def saved(model):
    return json.loads(model.config.to_json_string()) | {"architectures": [type(model).__name__]}
