"""What the golden numbers of each backbone were checked against. Rules for new ones: see head_cases.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from segbox.registry import BACKBONES
from tests.models import naive_backbones as naive
from tests.models import naive_branches as branches
from tests.models import naive_hrnet as hrnet
from tests.models import naive_pyramids as pyramids
from tests.models import naive_realtime as realtime
from tests.models import naive_resnest as resnest
from tests.models import naive_segnext as segnext
from tests.models import naive_vits as vits
from tests.models.fixed import HEIGHT, WIDTH, normal
from tests.models.naive_icnet import icnet
from tests.models.naive_layers import Weights


@dataclass(frozen=True)
class Case:
    """`truth`: the backbone written a second time; `source`: from where, and what else gives the same numbers."""

    options: Mapping[str, object]
    truth: Callable[[Weights, Tensor], Sequence[Tensor]]
    source: str


def of(name: str, variant: str = "test", **options: object) -> dict[str, object]:
    return {"type": name, "variant": variant, **options}


CASES: dict[str, Case] = {
    "BiSeNetV2": Case(of("BiSeNetV2"), realtime.bisenet_v2, "mmsegmentation"),
    "BiSeNetV2 maps": Case(
        of("BiSeNetV2", semantic_maps=True), partial(realtime.bisenet_v2, semantic_maps=True), "mmsegmentation",
    ),
    "CGNet": Case(of("CGNet"), realtime.cgnet, "mmsegmentation"),
    "DDRNet": Case(of("DDRNet"), branches.ddrnet, "mmsegmentation"),
    "ERFNet": Case(of("ERFNet"), realtime.erfnet, "mmsegmentation"),
    "FastSCNN": Case(of("FastSCNN"), realtime.fast_scnn, "mmsegmentation"),
    "FastSCNN maps": Case(
        of("FastSCNN", inner_maps=True), partial(realtime.fast_scnn, inner_maps=True), "mmsegmentation",
    ),
    "BEiT": Case(
        of("BEiT", image_size=64), partial(pyramids.beit, side=4), "mmsegmentation at its size, to 1e-6 in 32 bits",
    ),
    "BEiT of MAE": Case(
        of("BEiT", image_size=96, positions=True, key_bias=True), partial(pyramids.beit, side=6, is_mae=True),
        "mmsegmentation, to 1e-6 in 32 bits, at its own size",
    ),
    "HRNet": Case(of("HRNet"), hrnet.hrnet, "paper"),
    "HRNet branches": Case(
        of("HRNet", concat=False, by_factor=True), hrnet.hrnet_branches, "paper; mmsegmentation, to 1e-6 in 32 bits",
    ),
    "ICNet": Case(of("ICNet"), icnet, "mmsegmentation"),
    "MSCAN": Case(of("MSCAN"), segnext.mscan, "mmsegmentation"),
    "MixTransformer": Case(
        of("MixTransformer"), naive.mix_transformer, "paper; timm's PVTv2 (test_mit.py); transformers, with these eps",
    ),
    "MixTransformer eps": Case(
        of("MixTransformer", embed_eps=1e-2), partial(naive.mix_transformer, eps=1e-2), "mmsegmentation, with its 1e-6",
    ),
    "MobileNetV1": Case(of("MobileNetV1"), naive.mobilenet_v1, "timm (tests/weights/names)"),
    "MobileNetV1 relu": Case(of("MobileNetV1", act="relu"), partial(naive.mobilenet_v1, highest=None), "paper"),
    "MobileNetV2": Case(of("MobileNetV2"), naive.mobilenet_v2, "paper; torchvision (test_backbones.py)"),
    "MobileNetV2 first dilated": Case(
        of("MobileNetV2", output_stride=8, dilated="first"), partial(naive.mobilenet_v2, plan=naive.FIRST_DILATED),
        "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "MobileNetV3": Case(of("MobileNetV3"), naive.mobilenet_v3, "paper; torchvision (test_backbones.py)"),
    "MobileNetV3 same padding": Case(
        of("MobileNetV3", same_padding=True), partial(naive.mobilenet_v3, is_same=True),
        "TensorFlow's padding; mmsegmentation, to 1e-6 in 32 bits",
    ),
    "PIDNet": Case(of("PIDNet"), branches.pidnet, "mmsegmentation"),
    "PIDNet l": Case(of("PIDNet", "test-l"), partial(branches.pidnet, light=False), "mmsegmentation"),
    "ResNeSt": Case(of("ResNeSt"), resnest.resnest, "paper; timm (test_resnest.py); mmsegmentation"),
    "ResNeSt dilated": Case(
        of("ResNeSt", output_stride=8), partial(resnest.resnest, dilations=(1, 1, 2, 4)),
        "mmsegmentation",
    ),
    "PoolFormer": Case(of("PoolFormer", map_norm=True), pyramids.poolformer, "mmsegmentation, to 1e-6 in 32 bits"),
    "ResNet": Case(of("ResNet"), naive.resnet, "paper; torchvision (test_backbones.py)"),
    "ResNet dilated": Case(
        of("ResNet", output_stride=8), partial(naive.resnet, dilations=(1, 1, 2, 4)),
        "paper; torchvision (test_backbones.py)",
    ),
    "ResNet dilations": Case(
        of("ResNet", dilations=(1, 1, 2, 4)), partial(naive.resnet, dilations=(1, 1, 2, 4), keeps_strides=True),
        "mmsegmentation",
    ),
    "ResNet multi-grid": Case(
        of("ResNet", output_stride=16, multi_grid=(3, 5)),
        partial(naive.resnet, dilations=(1, 1, 1, 2), multi_grid=(3, 5)), "mmsegmentation",
    ),
    "ResNet dilates once": Case(
        of("ResNet", "test-se", output_stride=8, dilate_second=False),
        partial(naive.resnet, is_bottleneck=False, dilations=(1, 1, 2, 4), dilates_second=False),
        "mmsegmentation (without SE)",
    ),
    "ResNet D": Case(of("ResNet", stem="D"), partial(naive.resnet, stem="D"), "paper"),
    "ResNet se": Case(of("ResNet", "test-se"), partial(naive.resnet, is_bottleneck=False), "papers"),
    "STDCNet": Case(of("STDCNet"), realtime.stdc, "mmsegmentation"),
    "Twins": Case(of("Twins"), pyramids.twins, "mmsegmentation, to 1e-6 in 32 bits"),
    "Twins SVT": Case(
        of("Twins", "test-svt"), partial(pyramids.twins, is_svt=True), "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "UNet": Case(of("UNet"), hrnet.whole_unet, "mmsegmentation, to 1e-6 in 32 bits"),
    "UNet maps": Case(
        of("UNet", maps=3), partial(hrnet.whole_unet, count=3), "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "UNetEncoder": Case(of("UNetEncoder"), naive.unet, "paper"),
    "UNetEncoder plain": Case(of("UNetEncoder", norm=False, bias=True), naive.unet, "paper"),
    "VGG": Case(of("VGG"), naive.vgg, "paper; torchvision (test_backbones.py)"),
    "VGG norm": Case(of("VGG", "test-bn", taps="before_pool"), partial(naive.vgg, taps="before"), "paper; torchvision"),
    "VisionTransformer": Case(of("VisionTransformer"), vits.vit, "mmsegmentation, to 1e-6 in 32 bits"),
    "VisionTransformer joined": Case(
        of("VisionTransformer", class_token="joined", final_norm=True),
        partial(vits.vit, final_norm=True, joined=True), "mmsegmentation, to 1e-6 in 32 bits",
    ),
    "Xception": Case(of("Xception"), naive.xception, "timm (tests/weights/names)"),
    "Xception depthwise act": Case(
        of("Xception", depthwise_act=True, eps=1e-5), partial(naive.xception, depthwise_act=True, eps=1e-5), "papers",
    ),
}  # fmt: skip
# Timm's numbers are the package's own, and may change with its version: test_timm.py compares them with the package.
ELSEWHERE = {"Timm"}


def titles() -> list[str]:
    """The cases above, and each registered backbone that has none."""
    named = {case.options["type"] for case in CASES.values()}
    return [*CASES, *(name for name in BACKBONES if name not in named)]


def gates(title: str) -> tuple[str, ...]:
    """What begins at zero and holds back the gradients of others: timm's ResNets begin with blocks that add nothing."""
    return ("network.layer[124].0.bn2.weight", "network.layer3.0.bn3.weight") if title == "Timm" else ()


def build(title: str) -> nn.Module:
    return BACKBONES.build(CASES[title].options if title in CASES else of(title))


def images() -> Tensor:
    return normal("images", (1, 3, HEIGHT, WIDTH))
