"""SAN: a side network that predicts masks, and a backbone that says what they are."""

import copy
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from segbox.errors import ConfigError
from segbox.models.class_rows import match_classes, move_rows
from segbox.models.heads.san import attention_mask
from segbox.models.layers.grid_maxima import grid_maxima
from segbox.models.segmentors import build_segmentor
from tests.tiny import SMALL, random_batch

CLIP = dict(type="VisionTransformer", variant="test", first_norm=True, final_norm=True, activation="quick_gelu")
HALF = dict(image_scale=0.5, image_size=32)
HEAD = dict(type="SANHead", **SMALL["SANHead"])


def build(backbone=None, head=None, **more):
    torch.manual_seed(0)
    parts = dict(backbone=CLIP | HALF | (backbone or {}), decode_head=HEAD | (head or {}))
    return build_segmentor(dict(type="EncoderDecoder", **parts, **more), num_classes=4)


def random_model():
    return copy.deepcopy(built_once())


@cache
def built_once():
    """With weights that matter: at the start, tokens are near zero."""
    model = build().double()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, 1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.3)
    return model.requires_grad_(False)


def features_of(model, height=64, width=96):
    images = random_batch(2, height, width, 4)[0]
    return images, model.maps_and_features(images)[1]


@torch.no_grad()
def test_each_query_is_classified_by_itself():
    model = random_model().eval()
    tokens = features_of(model)[1][1].after(0, 3)
    looks = torch.randn(2, 2, 5, 4, 6).double()
    classes = model.decode_head.classify(tokens, looks)
    looks[:, :, 0] += torch.randn(4, 6)
    changed = model.decode_head.classify(tokens, looks)
    assert torch.equal(changed[:, 1:], classes[:, 1:])
    assert not torch.allclose(changed[:, 0], classes[:, 0])


def test_who_looks_at_whom():
    looks = torch.arange(12.0).view(1, 2, 2, 3)  # heads, queries, patches
    mask = attention_mask(looks, prefix=1)
    assert mask.shape == (1, 2, 6, 6)
    assert torch.equal(mask[:, :, :2, 3:], looks)
    assert torch.equal(mask[0, 1, :2, :3], torch.tensor([[0.0, -100, -100], [-100, 0, -100]]))
    assert (mask[:, :, 2:, :2] == -100).all() and not mask[:, :, 2:, 2:].any()


@pytest.mark.parametrize("size", [(5, 7), (2, 3), (8, 5), (9, 11)])
def test_maxima_are_those_of_adaptive_pooling(size):
    x = torch.randn(2, 3, 8, 10)
    assert torch.equal(grid_maxima(x, size), F.adaptive_max_pool2d(x, size))


def test_what_learns():
    """The side network and "no object"; of the CLIP nothing, though gradients pass its last block."""
    model = build(dict(HALF), dict(train_classes=False), freeze_backbone=True)
    images, labels = random_batch(2, 40, 70, 4)
    losses = model(images, labels)
    assert set(losses) == {"decode.class", "decode.mask", "decode.dice", "decode.earlier"}
    sum(losses.values()).backward()
    learning = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()]
    starts = ("decode_head.side.", "decode_head.predict.", "decode_head.classes")
    assert learning and all(name.startswith(starts) for name in learning)
    assert model.decode_head.project.weight.grad is None
    gradient = model.decode_head.classes.grad.abs().sum(dim=1)
    assert gradient[-1] > 0 and not gradient[:-1].any()
    assert model.decode_head.predict.look[0].weight.grad.any()  # through the last block of the CLIP


def test_rows_of_classes_move_by_name_and_no_object_stays():
    model, weights = random_model(), random_model().state_dict()
    match = match_classes(("road", "sky", "car", "tree"), ("tree", "bird", "road", "cat"))
    moved = move_rows(model, weights, match)[0]["decode_head.classes"]
    theirs = weights["decode_head.classes"]
    assert torch.equal(moved[[0, 2, 4]], theirs[[3, 0, 4]])


@torch.no_grad()
def test_small_images_and_parts_of_patches():
    model = random_model().eval()
    for height, width in ((9, 20), (33, 65)):
        images, (_, tokens) = features_of(model, height, width)
        assert tokens.grid == (1, max(1, width // 32))
        assert model(images).shape == (2, 4, height, width)


@pytest.mark.parametrize(
    ("backbone", "head", "message"),
    [
        (dict(image_scale=0.6), {}, r"image_scale=0.6: expected patch / image_scale to be whole, and patch is 16"),
        (dict(class_token="joined"), {}, "the head reads tokens"),
        ({}, dict(fused_blocks=(0, 2, 1)), r"fused_blocks=\(0, 2, 1\): expected growing numbers"),
        ({}, dict(fused_blocks=()), r"fused_blocks=\(\): expected growing"),
        ({}, dict(supervised=(4,)), r"supervised=\(4,\): expected growing numbers of blocks, from 1 on and below 4"),
        ({}, dict(fused_blocks=(0, 1, 2, 3, 4)), "the side network has 4 blocks for them"),
    ],
)
def test_what_does_not_fit_is_refused(backbone, head, message):
    with pytest.raises(ConfigError, match=message):
        build(backbone, head)


@pytest.mark.parametrize(
    ("backbone", "head", "message"),
    [
        ({}, dict(fused_blocks=(0, 4)), r"fused_blocks: \(0, 4\), but the backbone has 4 blocks"),
        ({}, dict(num_heads=3), "num_heads: 3, but the backbone has 2"),
        (dict(class_token="out"), {}, "needs a class token"),
    ],
)
def test_what_does_not_fit_the_backbone_is_refused(backbone, head, message):
    model = build(backbone, head)
    with pytest.raises(ConfigError, match=message):
        model(random_batch(1, 32, 32, 4)[0])


def test_only_such_heads_read_scaled_images():
    with pytest.raises(ConfigError, match="only heads that read tokens, such as SANHead, read scaled images"):
        build_segmentor(dict(type="EncoderDecoder", backbone=CLIP | HALF, decode_head=dict(type="LinearHead")), 4)
