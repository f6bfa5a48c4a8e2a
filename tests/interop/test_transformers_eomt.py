"""EoMT of transformers, with random weights, beside that library's own predictions."""

import warnings

import numpy as np
import pytest
import torch

from segbox.errors import CheckpointError
from segbox.interop.transformers import convert_transformers, read_transformers
from segbox.models.criterion import build_criterion
from segbox.models.losses.assignment import assignment
from tests.interop.parity import our_model, randomized
from tests.models.losses.naive_masks import same_points
from tests.tiny import random_batch

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
POINTS = 50


def dinov2(**more):
    return EomtForUniversalSegmentation(EomtConfig(**SHAPE, num_labels=4, train_num_points=POINTS, **more))


def dinov3(**more):
    own = dict(pos_embed_rescale=None)  # a random change of positions in training, which is not in the original
    own |= dict(intermediate_size=64, layer_norm_eps=1e-5, num_labels=4, train_num_points=POINTS) | more
    return EomtDinov3ForUniversalSegmentation(EomtDinov3Config(**SHAPE, **own))


def dinov2_giant():
    return dinov2(use_swiglu_ffn=True)


def dinov3_gated():
    return dinov3(use_gated_mlp=True, hidden_act="silu", intermediate_size=61, query_bias=False, value_bias=False)


@pytest.fixture(scope="module", params=[dinov2, dinov3, dinov2_giant, dinov3_gated])
def pair(request, tmp_path_factory):
    """Theirs, and ours from its folder, in 64 bits."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (modeling_eomt, modeling_eomt_dinov3):  # their loss needs scipy
            patch.setattr(module, "requires_backends", lambda *_: None)
        theirs = randomized(request.param())
    theirs.set_attn_implementation("eager")  # masks of 32 bits: the others read them as 64
    with torch.no_grad():
        theirs.attn_mask_probs.zero_()
        theirs.criterion.empty_weight.copy_(torch.tensor([1, 1, 1, 1, 0.1]))  # no weight of the model
    folder = tmp_path_factory.mktemp("saved")
    theirs.save_pretrained(folder)
    return theirs.double(), our_model(read_transformers(str(folder))).double()


@pytest.mark.parametrize("probability", [0.0, 1.0])
@torch.no_grad()
def test_predictions_are_those_of_transformers(pair, probability):
    theirs, ours = pair
    theirs.attn_mask_probs.fill_(probability)
    ours.decode_head.set_mask_probability([probability] * 2)
    torch.manual_seed(1)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    expected = theirs((images - ours.mean) / ours.std)
    found = ours.decode_head(ours.maps_and_features(images)[1])
    torch.testing.assert_close(found.classes, expected.class_queries_logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.masks, expected.masks_queries_logits, rtol=1e-5, atol=1e-5)


def test_the_loss_is_that_of_transformers(pair, monkeypatch):
    """Of all layers, masked, at the same points, with ignored pixels as background."""
    theirs, ours = pair
    solve = lambda costs: tuple(reversed((np.arange(costs.shape[1]), assignment(costs.numpy().T))))  # noqa: E731
    for module in (modeling_eomt, modeling_eomt_dinov3):
        monkeypatch.setattr(module, "linear_sum_assignment", solve, raising=False)
    theirs.attn_mask_probs.fill_(1)
    ours.decode_head.set_mask_probability([1, 1])
    images, labels = random_batch(2, 64, 64, 3, ignored_rows=9)
    ids = [torch.arange(3)] * 2
    masks = [torch.stack([own == i for i in range(3)]).double() for own in labels]
    inputs = (images - ours.mean) / ours.std
    criterion = build_criterion({"type": "MaskLoss", "num_points": POINTS, "void": "background"}, "loss", 4)
    features = ours.train().maps_and_features(images)[1]
    theirs.train()
    with torch.random.fork_rng():
        monkeypatch.setattr(torch, "rand", same_random)
        expected = theirs(inputs, masks, ids).loss
        found = ours.decode_head.loss(features, labels, criterion)
    assert sum(found.values()).item() == pytest.approx(expected.item(), rel=1e-5)
    assert found["earlier"] > 0.5 * expected


def same_random(*size, device=None):
    return same_points(*size).double() if len(size) == 3 else torch.full(size[0], 0.5)


@pytest.mark.parametrize(
    ("build", "changes", "message"),
    [
        (dinov2, dict(num_upscale_blocks=3), "num_upscale_blocks=3 has no counterpart"),
        (dinov3, dict(use_gated_mlp=True), "hidden_act='gelu' has no counterpart in segbox; it has 'silu'"),
        (dinov3, dict(value_bias=False), "value_bias=False has no counterpart in segbox; it has True"),
        (dinov3, dict(key_bias=True), "key_bias=True has no counterpart"),
        (dinov3, dict(layer_norm_eps=1e-3), "layer_norm_eps=0.001 has no counterpart"),
        (dinov3, dict(rope_parameters=dict(rope_theta=9.0)), "rope_parameters={'rope_theta': 9.0} have no"),
    ],
)
def test_what_has_no_counterpart(build, changes, message):
    name = {dinov2: "EomtForUniversalSegmentation", dinov3: "EomtDinov3ForUniversalSegmentation"}[build]
    with pytest.raises(CheckpointError) as error:
        convert_transformers(dict(architectures=[name], **SHAPE) | changes, {}, "x")
    assert message in str(error.value)


def test_sizes_windows_and_classes_are_those_of_the_model():
    config = EomtConfig(image_size=512, id2label={i: f"c{i}" for i in range(150)}).to_dict()
    config["architectures"] = ["EomtForUniversalSegmentation"]
    weights = {"class_predictor.bias": torch.zeros(151)}
    own = dict(do_resize=True, size=dict(shortest_edge=512))
    imported = convert_transformers(config, weights, "x", own)
    assert imported.model["backbone"]["name"] == "vit_large_patch14_reg4_dinov2"
    assert imported.model["num_classes"] == len(imported.classes) == 150
    assert imported.test == dict(mode="slide", window=(512, 512), stride=(512, 512)) and not imported.notes
    assert imported.pipeline == (dict(type="Resize", short=512),)
