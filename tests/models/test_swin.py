"""Swin: its sizes are the published ones. Its numbers are compared with transformers in tests/interop."""

import pytest
import torch

from segbox.models.backbones.swin import Swin, regions_apart


@pytest.mark.parametrize(
    ("variant", "whole", "width"),
    [
        ("tiny", 28_288_354, 768),
        ("small", 49_606_258, 768),
        ("base", 87_768_224, 1024),
        ("large", 196_532_476, 1536),
    ],
)
def test_parameters_are_those_of_the_classifiers_without_their_heads(variant, whole, width):
    with torch.device("meta"):
        own = sum(value.numel() for value in Swin(variant).parameters())
    assert own == whole - (1000 * width + 1000) - 2 * width  # the layer of 1000 classes, the norm before it


def test_norms_of_the_maps_are_as_wide_as_the_maps():
    network = Swin("test", map_norm=1e-5)
    maps = network(torch.randn(1, 3, 37, 50))
    assert [tuple(x.shape[1:]) for x in maps] == [(8, 10, 13), (16, 5, 7), (32, 3, 4), (64, 2, 2)]
    assert all(x.mean(1).abs().max() < 1e-5 and (x.var(1, correction=0) - 1).abs().max() < 0.1 for x in maps)


def test_tokens_that_the_roll_brought_together_are_apart():
    mask = regions_apart(torch.zeros(3, 4, 8, 1), 4, 2)  # two windows beside each other, in each of three images
    assert mask.shape == (6, 1, 16, 16)
    apart = (mask < 0).sum(dim=(1, 2, 3)).tolist()
    assert apart == 3 * [2 * 8 * 8, 12 * 16]  # the first is cut into an upper and a lower half, the last into quarters


@pytest.mark.parametrize("arguments", [dict(variant="huge"), dict(output_stride=16)])
def test_messages(arguments):
    with pytest.raises(ValueError, match=r"there is no Swin 'huge'|output_stride 16: a Swin has no other than 32"):
        Swin(**arguments)
