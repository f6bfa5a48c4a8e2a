"""EoMT of transformers, with random weights, beside that library's own predictions."""

import warnings

import pytest
import torch

from segbox.interop.transformers import read_transformers
from tests.interop.parity import our_model, randomized

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformers import (
        EomtConfig,
        EomtDinov3Config,
        EomtDinov3ForUniversalSegmentation,
        EomtForUniversalSegmentation,
    )
    from transformers.models.eomt import modeling_eomt
    from transformers.models.eomt_dinov3 import modeling_eomt_dinov3

SHAPE = dict(hidden_size=32, num_hidden_layers=4, num_attention_heads=2, image_size=64, num_blocks=2, num_queries=7)


def dinov2(**more):
    return EomtForUniversalSegmentation(EomtConfig(**SHAPE, num_labels=4, **more))


def dinov3(**more):
    own = dict(intermediate_size=64, layer_norm_eps=1e-5, num_labels=4) | more
    return EomtDinov3ForUniversalSegmentation(EomtDinov3Config(**SHAPE, **own))


@pytest.fixture(scope="module", params=[dinov2, dinov3])
def pair(request, tmp_path_factory):
    """Theirs, and ours from its folder, in 64 bits."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (modeling_eomt, modeling_eomt_dinov3):  # their loss needs scipy
            patch.setattr(module, "requires_backends", lambda *_: None)
        theirs = randomized(request.param())
    theirs.set_attn_implementation("eager")  # masks of 32 bits: the others read them as 64
    with torch.no_grad():
        theirs.attn_mask_probs.zero_()
    folder = tmp_path_factory.mktemp("saved")
    theirs.save_pretrained(folder)
    return theirs.double(), our_model(read_transformers(str(folder))).double()


@pytest.mark.parametrize("probability", [0.0, 1.0])
@torch.no_grad()
def test_predictions_are_those_of_transformers(pair, probability):
    theirs, ours = pair
    theirs.attn_mask_probs.fill_(probability)
    ours.decode_head.mask_probability.fill_(probability)
    torch.manual_seed(1)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    expected = theirs((images - ours.mean) / ours.std)
    found = ours.decode_head(ours.maps_and_features(images)[1])
    torch.testing.assert_close(found.classes, expected.class_queries_logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.masks, expected.masks_queries_logits, rtol=1e-5, atol=1e-5)
