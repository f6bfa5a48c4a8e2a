"""The faster memory format of a model is chosen by its backbone, the device and the precision."""

import pytest
import torch

from segbox.models.memory_format import prefers_channels_last
from segbox.models.segmentors import build_segmentor

LOSS = {"type": "CrossEntropyLoss"}


def model(backbone):
    config = dict(type="EncoderDecoder", backbone=backbone, decode_head=dict(type="LinearHead", loss=LOSS))
    with torch.device("meta"):
        return build_segmentor(config, 3)


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [("ResNet", False), ("UNetEncoder", False), ("Swin", False), ("MobileNetV2", True), ("MixTransformer", True)],
)
def test_in_float32_on_a_cpu_backbones_with_depthwise_convolutions_prefer_it(backbone, expected):
    built = model(dict(type=backbone, variant="test"))
    assert prefers_channels_last(built, "cpu", "fp32") is expected


def test_half_precision_prefers_it_and_float32_on_a_gpu_does_not():
    built = model(dict(type="ResNet", variant="test"))
    assert prefers_channels_last(built, "cpu", "bf16")
    assert prefers_channels_last(built, "cuda", "fp16")
    assert not prefers_channels_last(built, "cuda", "fp32")
    assert prefers_channels_last(built, "cuda", "fp32", tf32=True)
    assert not prefers_channels_last(built, "cpu", "fp32", tf32=True)
    assert not prefers_channels_last(model(dict(type="MobileNetV2", variant="test")), "cuda", "fp32")
