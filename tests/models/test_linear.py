"""The linear head without its norm; with it, it is a row of head_cases.py."""

import torch
import torch.nn.functional as F

from segbox.registry import HEADS


def test_without_a_norm_it_is_a_convolution_alone():
    head = HEADS.build({"type": "LinearHead", "norm": False}, in_channels=(4, 6), in_strides=(8, 16), num_classes=3)
    assert sum(parameter.numel() for parameter in head.parameters()) == 6 * 3 + 3
    maps = torch.randn(2, 4, 6, 5), torch.randn(2, 6, 3, 3)
    expected = F.conv2d(maps[-1], head.classify.weight, head.classify.bias)
    assert torch.equal(head(maps), expected)
