"""What is particular to heads with queries and kernels, beside what all heads are tested for."""

import pytest
import torch

from segbox.errors import ConfigError
from segbox.models.layers.deformable_attention import DeformableAttention, centers
from segbox.registry import HEADS
from tests.tiny import SMALL, random_batch, tiny_model

MAPS = {"in_channels": (8, 12, 16, 24), "in_strides": (4, 8, 16, 32)}


def head_of(name, **options):
    return HEADS.build({"type": name, **SMALL[name], **options}, "head", **MAPS, num_classes=5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Mask2FormerHead", {"channels": 34}, "channels 34: sines and cosines"),
        ("MaskFormerHead", {"channels": 34}, "channels 34: sines and cosines"),
        ("Mask2FormerHead", {"num_heads": 5}, "32 channels cannot be divided among 5 attention heads"),
        ("KNetHead", {"group_channels": 3}, "group_channels 3 does not divide the generator's 8 channels"),
        ("KNetHead", {"generator": {"type": "UNetHead"}}, "UNetHead does not end in one kernel per class; take one of"),
        ("KNetHead", {"generator": {"type": "FCNHead", "width": 3}}, r"head\.generator\.width"),
    ],
)
def test_messages(name, options, message):
    with pytest.raises(ConfigError, match=message):
        head_of(name, **options)


@torch.no_grad()
def test_a_token_begins_by_looking_away_from_its_place_in_each_heads_direction():
    attention = DeformableAttention(8, heads=4, levels=1, points=2)
    size = (5, 7)
    places = centers(size, torch.zeros(()))
    attention.value.weight.copy_(torch.eye(8))
    attention.out.weight.copy_(torch.eye(8))
    column = torch.arange(7.0).repeat(5)  # what is gathered says from which column
    found = attention(torch.randn(1, 35, 8), column[None, :, None].expand(1, 35, 8), places, [size])
    middle = 2 * 7 + 3
    right, _, left, _ = found[0, middle].view(4, 2).mean(1) - 3  # the means of 1 and 2 pixels
    assert (round(right.item(), 4), round(left.item(), 4)) == (1.5, -1.5)


@torch.no_grad()
def test_a_query_looks_into_its_mask_and_everywhere_if_it_is_empty():
    head = head_of("Mask2FormerHead")
    pixels = torch.randn(2, 6, 4, 5)
    queries = torch.randn(2, 4, 32)
    mask = head.pixels_of(queries, pixels)
    inside = head.predict(queries, pixels).masks.flatten(2).sigmoid() >= 0.5
    for own, expected in zip(mask.flatten(0, 1), inside.flatten(0, 1)):
        assert torch.equal(own, expected if expected.any() else torch.ones_like(expected))
    assert head.pixels_of(queries, 0 * pixels - 0.0).all()  # at 0, a pixel is as much inside as outside


def test_every_stage_of_knet_is_trained():
    torch.manual_seed(0)
    losses = tiny_model("ResNet", "KNetHead")(*random_batch(2, 33, 47, num_classes=5))
    assert list(losses) == ["decode.ce", "decode.stage0.ce", "decode.stage1.ce"]


@torch.no_grad()
def test_knet_of_one_channel_weights_pixels_by_the_probability_of_its_class():
    torch.manual_seed(0)
    head = HEADS.build({"type": "KNetHead", **SMALL["KNetHead"]}, "head", **MAPS, num_classes=1).eval()
    maps = tuple(torch.randn(1, c, 8 * 4 // s, 8) for c, s in zip(MAPS["in_channels"], MAPS["in_strides"]))
    seen = []
    head.stages[0].update.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    first = head.predictions(maps)[0]
    pixels = head.stages[0].project(head.generator.pixels(maps))
    torch.testing.assert_close(seen[0][0, 0], (first.sigmoid() * pixels)[0].sum((1, 2)))
