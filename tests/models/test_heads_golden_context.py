"""Parameter counts of the context heads, and of whole models with them, as measured on the published code."""

from functools import cache

import pytest
import torch
from torch import nn

from segbox.models.segmentors import build_segmentor
from segbox.registry import BACKBONES, HEADS, NECKS

WIDE = {"in_channels": (128, 256, 512, 1024, 2048), "in_strides": (2, 4, 8, 8, 8)}  # a dilated ResNet
DANET_SINGLE = {"type": "DANetHead", "supervise_branches": False}
METHODS = {
    "fcn": {"type": "FCNHead"},
    "psp": {"type": "PSPHead", "pool_scales": (1, 2, 3, 4)},
    "deeplab": {"type": "DeepLabV3Head"},
    "danet": DANET_SINGLE,
    "ocnet_base": {"type": "OCNetHead"},
    "ocnet_asp": {"type": "OCNetHead", "context": "asp"},
    "ccnet": {"type": "CCNetHead"},
}
# method: ResNet-50 dilated, with auxiliary head, with JPU and auxiliary head; the same of ResNet-101
TOTALS_21 = {
    "fcn": (33080789, 35445994, 55181546, 52072917, 54438122, 74173674),
    "psp": (46716373, 49081578, 68817130, 65708501, 68073706, 87809258),
    "deeplab": (39762645, 42127850, 61863402, 58754773, 61119978, 80855530),
    "danet": (47567959, 49933164, 69668716, 66560087, 68925292, 88660844),
    "ocnet_base": (34001877, 36367082, 56102634, 52994005, 55359210, 75094762),
    "ocnet_asp": (64678101, 67043306, 86778858, 83670229, 86035434, 105770986),
    "ccnet": (47566934, 49932139, 69667691, 66559062, 68924267, 88659819),
}
TOTALS_19 = {
    "fcn": (33079763, 35444454, 55180006, 52071891, 54436582, 74172134),
    "psp": (46715347, 49080038, 68815590, 65707475, 68072166, 87807718),
    "deeplab": (39762131, 42126822, 61862374, 58754259, 61118950, 80854502),
    "danet": (47566933, 49931624, 69667176, 66559061, 68923752, 88659304),
    "ocnet_base": (34000851, 36365542, 56101094, 52992979, 55357670, 75093222),
    "ocnet_asp": (64677075, 67041766, 86777318, 83669203, 86033894, 105769446),
    "ccnet": (47565908, 49930599, 69666151, 66558036, 68922727, 88658279),
}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("head", "num_classes", "expected"),
    [
        ({"type": "FCNHead"}, 21, 9448981),
        ({"type": "FCNHead", "level": -2}, 21, 2365205),
        (METHODS["psp"], 21, 23084565),
        (DANET_SINGLE, 21, 23936151),
        ({"type": "DANetHead"}, 21, 23957697),
        ({"type": "OCNetHead"}, 21, 10370069),
        ({"type": "OCNetHead", "context": "asp"}, 21, 41046293),
        ({"type": "CCNetHead"}, 21, 23935126),
        ({"type": "CCNetHead"}, 19, 23934100),
        ({"type": "CCNetHead", "recurrence": 1}, 21, 23935126),
        ({"type": "EncNetHead"}, 150, 10134412),
        ({"type": "EncNetHead"}, 151, 10135438),
        ({"type": "EncNetHead"}, 21, 10002058),
        ({"type": "EncNetHead", "kernel": 1}, 150, 10134412 - 8388608),
    ],
)
def test_parameters_of_heads(head, num_classes, expected):
    with torch.device("meta"):
        assert count(HEADS.build(head, num_classes=num_classes, **WIDE)) == expected


def test_parameters_of_lateral_fusion():
    with torch.device("meta"):
        plain = HEADS.build({"type": "EncNetHead"}, num_classes=21, **WIDE)
        lateral = HEADS.build({"type": "EncNetHead", "lateral": True}, num_classes=21, **WIDE)
    # 1x1 of both maps and a 3x3 over 1536 channels, each with a norm
    assert count(lateral) - count(plain) == (512 + 1024) * 512 + 9 * 1536 * 512 + 3 * 2 * 512


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize(("num_classes", "totals"), [(21, TOTALS_21), (19, TOTALS_19)])
def test_parameters_of_models(method, num_classes, totals):
    sums = []
    for variant in ("50", "101"):
        dilated, plain = resnet(variant, 8), resnet(variant, 32)
        with torch.device("meta"):
            neck = NECKS.build({"type": "JPU"}, in_channels=plain.channels, in_strides=plain.strides)
        head = count_head(method, num_classes, dilated.channels, dilated.strides)
        behind_neck = count_head(method, num_classes, neck.channels, neck.strides)
        auxiliary = count_head("auxiliary", num_classes, dilated.channels, dilated.strides)
        sums += [count(dilated) + head, count(dilated) + head + auxiliary]
        sums += [count(plain) + count(neck) + behind_neck + auxiliary]
    assert tuple(sums) == totals[method]


@cache
def resnet(variant: str, output_stride: int) -> nn.Module:
    with torch.device("meta"):
        return BACKBONES.build({"type": "ResNet", "variant": variant, "stem": "S", "output_stride": output_stride})


@cache
def count_head(method: str, num_classes: int, in_channels: tuple[int, ...], in_strides: tuple[int, ...]) -> int:
    config = {"type": "FCNHead", "level": -2} if method == "auxiliary" else METHODS[method]
    with torch.device("meta"):
        return count(HEADS.build(config, num_classes=num_classes, in_channels=in_channels, in_strides=in_strides))


@pytest.mark.parametrize(("variant", "total"), [("50", 47589505), ("101", 66581633)])
def test_parameters_of_danet_with_three_outputs(variant, total):
    assert count(build(variant, {"type": "DANetHead"}, 21, "S", 8)) == total


@pytest.mark.parametrize(("num_classes", "total"), [(21, 13397951), (19, 13396793)])
def test_parameters_of_bisenet(num_classes, total):
    assert count(build("18", {"type": "BiSeNetHead"}, num_classes, "plain", 32)) == total


@pytest.mark.parametrize(
    ("variant", "num_classes", "has_jpu", "total"),
    [
        ("50", 150, False, 36164578),
        ("50", 151, False, 36165861),
        ("50", 21, False, 35999071),
        ("101", 150, False, 55156706),
        ("101", 21, False, 54991199),
        ("50", 150, True, 47511522),
        ("50", 21, True, 47346015),
        ("101", 150, True, 66503650),
        ("101", 21, True, 66338143),
    ],
)
def test_parameters_of_encnet(variant, num_classes, has_jpu, total):
    head = {"type": "EncNetHead", "kernel": 1 if has_jpu else 3}
    model = {"auxiliary_head": {"type": "FCNHead", "level": -2}}
    if has_jpu:
        model["neck"] = {"type": "JPU"}
    assert count(build(variant, head, num_classes, "S", 32 if has_jpu else 8, **model)) == total


def test_parameters_of_published_small_models():
    """torchvision's lraspp_mobilenet_v3_large, and SegFormer-B0 on ADE20K."""
    mobile = {"type": "MobileNetV3", "variant": "large", "output_stride": 16, "taps": "first"}
    mix = {"type": "MixTransformer", "variant": "b0"}
    with torch.device("meta"):
        lraspp = build_segmentor(
            {"type": "EncoderDecoder", "backbone": mobile, "decode_head": {"type": "LRASPPHead"}}, 21
        )
        b0 = build_segmentor({"type": "EncoderDecoder", "backbone": mix, "decode_head": {"type": "SegFormerHead"}}, 150)
    assert count(lraspp) == 3221538
    assert count(b0) == 3752694


def build(variant: str, head: dict, num_classes: int, stem: str, output_stride: int, **model: dict) -> nn.Module:
    backbone = {"type": "ResNet", "variant": variant, "stem": stem, "output_stride": output_stride}
    config = {"type": "EncoderDecoder", "backbone": backbone, "decode_head": head, **model}
    with torch.device("meta"):
        return build_segmentor(config, num_classes)
