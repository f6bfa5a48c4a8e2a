"""What the non-local heads and their successors do in training, and what they refuse."""

import pytest
import torch
import torch.nn.functional as F

from segbox.errors import ConfigError
from segbox.interop.mmseg.convert import convert
from segbox.models.heads.ema import EMAHead, MixtureAttention
from segbox.models.heads.isa import margins
from segbox.registry import HEADS
from tests.interop.mmseg.context_heads import MODELS
from tests.models.fixed import fill, normal
from tests.processes import together


def attention() -> MixtureAttention:
    return fill(MixtureAttention(6, num_bases=4, iterations=2, momentum=0.1))


def images(count: int = 2, start: int = 0) -> torch.Tensor:
    return torch.stack([normal(f"image {start + i}", (6, 3, 5)) for i in range(count)])


def test_bases_follow_the_mean_over_images_in_training_alone():
    block, x = attention(), images()
    before = block.bases.clone()
    _, own = block.mix(block.embed(x))
    block(x)
    assert torch.equal(block.bases, before)
    block.train()(x)
    expected = 0.9 * before + 0.1 * F.normalize(own.mean(0, keepdim=True), dim=1)
    torch.testing.assert_close(block.bases, expected)
    assert "bases" in block.state_dict()  # a resumed run goes on with them


def test_bases_are_those_of_one_process_with_all_images():
    def moved(x):
        block = attention()
        block.follow(block.mix(block.embed(x))[1])
        return block.bases

    def work():
        from segbox import distributed

        return moved(images(2, 2 * distributed.rank()))

    expected = moved(images(4))
    for found in together(2, work):
        torch.testing.assert_close(found, expected)


def test_each_image_has_bases_of_its_own():
    block, x = attention(), images()
    torch.testing.assert_close(block(x), torch.cat([block(x[:1]), block(x[1:])]))


def test_no_gradient_passes_through_the_mixture():
    block, x = attention(), images().requires_grad_()
    result = block(x)
    (gradient,) = torch.autograd.grad(result.sum(), x)
    torch.testing.assert_close(gradient, (result > 0).double())
    assert [name for name, p in EMAHead((8,), 3, 8, 8).named_parameters() if not p.requires_grad] == [
        f"convs.context.embed.{name}" for name in ("weight", "bias")
    ]


@pytest.mark.parametrize(
    ("length", "window", "expected"), [(8, 8, (0, 0)), (9, 8, (3, 4)), (5, 8, (1, 2)), (1, 8, (3, 4)), (17, 6, (0, 1))]
)
def test_margins_fill_up_to_whole_windows(length, window, expected):
    assert margins(length, window) == expected


def test_a_temperature_is_above_zero():
    with pytest.raises(ConfigError, match="temperature 0: expected a number above 0"):
        HEADS.build({"type": "DNLHead", "temperature": 0}, in_channels=(8,), in_strides=(8,), num_classes=2)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("gc_r18", {"ratio": 0.3}, "1/2, 1/3, 1/4 and so on of the channels, not 0.3"),
        ("gc_r18", {"pooling_type": "avg"}, "pooling_type: 'avg' has no counterpart in segbox, only 'att'"),
        ("gc_r18", {"fusion_types": ("channel_mul",)}, r"fusion_types: .* only \('channel_add',\)"),
        ("nl_r18", {"mode": "gaussian"}, "mode: 'gaussian' has no counterpart"),
        ("nl_r18", {"concat_input": False}, "concat_input: False has no counterpart"),
        ("dnl_r18", {"mode": "dot_product"}, "mode: 'dot_product' has no counterpart"),
        ("ann_r18", {"query_scales": (1, 2)}, r"query_scales: \(1, 2\) has no counterpart"),
        ("ann_r18", {"in_index": [1, 3]}, r"reads the last two maps, not \(1, 3\)"),
        ("isa_r18_corners", {"in_index": 2}, "reads the last map, not 2"),
    ],
)
def test_other_forms_of_mmsegmentation_are_refused(name, changes, message):
    model = MODELS[name][0]
    with pytest.raises(ConfigError, match=message):
        convert({"model": {**model, "decode_head": {**model["decode_head"], **changes}}}, {})
