"""Mask2Former and MaskFormer of transformers, with random weights, beside that library's own predictions."""

import json
import warnings

import pytest
import torch

from segbox.errors import CheckpointError
from segbox.interop.transformers import convert_transformers, read_transformers
from tests.interop.parity import our_model, randomized

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformers import (
        Mask2FormerConfig,
        Mask2FormerForUniversalSegmentation,
        MaskFormerConfig,
        MaskFormerDetrConfig,
        MaskFormerForInstanceSegmentation,
        SwinConfig,
    )
    from transformers.models.mask2former import modeling_mask2former
    from transformers.models.maskformer import modeling_maskformer

STAGES = ["stage1", "stage2", "stage3", "stage4"]
SIZE = (230, 291)


def swin():
    return SwinConfig(embed_dim=8, depths=[1, 2, 1, 2], num_heads=[1, 2, 4, 8], window_size=7, out_features=STAGES)


def mask2former():
    shape = dict(feature_size=32, hidden_dim=32, mask_feature_size=20, num_attention_heads=4, num_queries=5)
    shape |= dict(encoder_layers=2, encoder_feedforward_dim=24, decoder_layers=5, dim_feedforward=16)
    return Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=swin(), **shape, num_labels=4))


def maskformer():
    shape = dict(d_model=32, decoder_layers=3, decoder_ffn_dim=16, decoder_attention_heads=4, num_queries=5)
    own = dict(backbone_config=swin(), decoder_config=MaskFormerDetrConfig(**shape), num_labels=4)
    return MaskFormerForInstanceSegmentation(MaskFormerConfig(**own, fpn_feature_size=32, mask_feature_size=20))


@pytest.fixture(scope="module", params=[mask2former, maskformer])
def pair(request, tmp_path_factory):
    """A model, and the folder that it was saved to."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (modeling_mask2former, modeling_maskformer):  # their losses need scipy
            patch.setattr(module, "requires_backends", lambda *_: None)
        theirs = randomized(request.param())
    folder = tmp_path_factory.mktemp("saved")
    theirs.save_pretrained(folder)
    return theirs, folder


@torch.no_grad()
def test_predictions_are_those_of_transformers(pair):
    theirs, folder = pair
    ours = our_model(read_transformers(str(folder)))
    torch.manual_seed(1)
    images = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8)
    expected = theirs((images - ours.mean) / ours.std)
    found = ours.decode_head(ours.maps_and_features(images)[1])
    for own, other in ((found.classes, expected.class_queries_logits), (found.masks, expected.masks_queries_logits)):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-4 * other.abs().max().item())


def test_names_of_the_modules_are_taken_too(pair):
    theirs, folder = pair
    config = json.loads((folder / "config.json").read_text())
    of_modules = convert_transformers(config, theirs.state_dict(), "x").weights
    assert of_modules.keys() == read_transformers(str(folder)).weights.keys()


def test_other_backbones_are_refused(pair):
    theirs, folder = pair
    config = json.loads((folder / "config.json").read_text()) | dict(backbone_config=dict(model_type="resnet"))
    with pytest.raises(CheckpointError, match=r"MaskFormerHead on resnet; it has swin|Mask2FormerHead on resnet"):
        convert_transformers(config, theirs.state_dict(), "x")
