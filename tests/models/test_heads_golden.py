"""Parameter counts of heads against those of published implementations, exactly. Nothing is allocated."""

import pytest
import torch

from segbox.registry import BACKBONES, HEADS

STRIDES = (2, 4, 8, 16, 32)

# backbone: channels, parameters
BLSEG_BACKBONES = {
    "vgg16": ((64, 128, 256, 512, 512), 14_714_688),
    "vgg19": ((64, 128, 256, 512, 512), 20_024_384),
    "mobilenet_v1": ((64, 128, 256, 512, 1024), 3_206_976),
    "mobilenet_v2": ((16, 24, 32, 96, 1280), 2_224_960),
    "resnet34": ((64, 64, 128, 256, 512), 21_284_672),
    "resnet50": ((64, 256, 512, 1024, 2048), 23_527_264),
    "se_resnet34": ((64, 64, 128, 256, 512), 21_441_856),
    "se_resnet50": ((64, 256, 512, 1024, 2048), 26_042_208),
    "xception": ((64, 128, 256, 728, 2048), 37_867_312),
}
BLSEG_HEADS = ("FCN16sHead", "UNetHead", "PSPHead", "DeepLabV3PlusHead", "GCNHead")
# (backbone, classes): totals of the five models, as BLSeg's own code counts them
BLSEG = {
    ("vgg16", 10): (134_410_644, 25_258_058, 19_702_602, 20_146_602, 14_993_528),
    ("vgg16", 21): (134_815_994, 25_258_773, 19_708_245, 20_149_429, 15_358_926),
    ("vgg19", 10): (139_720_340, 30_567_754, 25_012_298, 25_456_298, 20_303_224),
    ("vgg19", 21): (140_125_690, 30_568_469, 25_017_941, 25_459_125, 20_668_622),
    ("mobilenet_v1", 10): (225_663_380, 14_012_490, 13_700_938, 12_439_978, 3_577_976),
    ("mobilenet_v1", 21): (226_068_730, 14_013_205, 13_706_581, 12_442_805, 4_044_750),
    ("mobilenet_v2", 10): (276_057_428, 2_674_954, 15_668_554, 13_353_514, 2_508_120),
    ("mobilenet_v2", 21): (276_458_202, 2_675_141, 15_674_197, 13_356_341, 2_878_270),
    ("resnet34", 10): (140_978_068, 24_083_018, 26_272_586, 26_713_514, 21_482_872),
    ("resnet34", 21): (141_380_602, 24_083_733, 26_278_229, 26_716_341, 21_759_566),
    ("resnet50", 10): (451_509_684, 66_346_090, 46_606_186, 40_368_586, 24_243_864),
    ("resnet50", 21): (451_920_666, 66_346_805, 46_611_829, 40_371_413, 25_090_798),
    ("se_resnet34", 10): (141_135_252, 24_251_466, 26_429_770, 26_870_698, 21_640_056),
    ("se_resnet34", 21): (141_537_786, 24_252_181, 26_435_413, 26_873_525, 21_916_750),
    ("se_resnet50", 10): (454_024_628, 69_033_578, 49_121_130, 42_883_530, 26_758_808),
    ("se_resnet50", 21): (454_435_610, 69_034_293, 49_126_773, 42_886_357, 27_605_742),
    ("xception", 10): (465_846_772, 57_463_866, 60_946_234, 54_702_490, 38_461_512),
    ("xception", 21): (466_254_498, 57_464_581, 60_951_877, 54_705_317, 39_173_806),
}


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def count(head, channels, num_classes, strides=STRIDES, **arguments):
    with torch.device("meta"):
        config = {"type": head, **arguments}
        return parameters(HEADS.build(config, in_channels=channels, in_strides=strides, num_classes=num_classes))


@pytest.mark.parametrize(("backbone", "num_classes"), list(BLSEG))
def test_blseg_totals(backbone, num_classes):
    channels, own = BLSEG_BACKBONES[backbone]
    arguments = {"UNetHead": {"se": backbone.startswith("se_")}}
    totals = tuple(own + count(head, channels, num_classes, **arguments.get(head, {})) for head in BLSEG_HEADS)
    assert totals == BLSEG[backbone, num_classes]


VGG16 = BLSEG_BACKBONES["vgg16"][0]
RESNET18 = (64, 64, 128, 256, 512)
RESNET50 = (64, 256, 512, 1024, 2048)


@pytest.mark.parametrize(
    ("head", "channels", "num_classes", "backbone", "total"),
    [
        # ptsemseg interpolates in FCN-32s; a full 64x64 deconvolution is what its other two imply
        ("FCN32sHead", VGG16, 21, 14_714_688, 134_346_581 + 64 * 64 * 21**2),
        ("FCN16sHead", VGG16, 21, 14_714_688, 134_815_994),
        ("FCN8sHead", VGG16, 21, 14_714_688, 134_489_759),
        ("DeepLabV3Head", RESNET50, 21, 0, 16_130_837),
        ("DeepLabV3Head", RESNET50, 21, 23_631_808, 39_762_645),
        ("LinkNetHead", RESNET18, 21, 11_176_512, 11_535_957),
        ("LinkNetHead", RESNET18, 12, 11_176_512, 11_534_796),
        ("RefineNetHead", RESNET50, 21, 23_508_032, 99_060_309),
        ("RefineNetHead", RESNET50, 21, 42_500_160, 118_052_437),
        ("RefineNetHead", RESNET50, 21, 58_143_808, 133_696_085),
    ],
)
def test_published_totals(head, channels, num_classes, backbone, total):
    assert backbone + count(head, channels, num_classes) == total


@pytest.mark.parametrize(("num_classes", "total"), [(11, 29_449_355), (21, 29_455_125)])
def test_segnet(num_classes, total):
    batch_norms = 2 * 4_224
    head = count("SegNetHead", VGG16, num_classes, strides=(1, 2, 4, 8, 16))
    assert 14_714_688 + batch_norms + head == total


@pytest.mark.parametrize("norm", ["GN", "BN"])
def test_semantic_fpn(norm):
    assert count("FPNHead", (256,) * 4, 150, strides=STRIDES[1:], norm=norm) == 1_643_158


@pytest.mark.parametrize(
    ("num_classes", "in_channels", "encoder", "decoder", "total"),
    [
        # BLSeg's plain U-Net, then the paper's, then the widespread one with batch norm
        (21, 3, {"norm": False}, {}, 31_026_197),
        (1, 3, {"norm": False}, {}, 31_024_897),
        (21, 3, {"norm": False, "bias": True}, {"bias": True, "transposed": True}, 31_033_045),
        (2, 1, {"norm": False, "bias": True}, {"bias": True, "transposed": True}, 31_030_658),
        (21, 3, {}, {"norm": True, "transposed": True}, 31_038_933),
    ],
)
def test_unet(num_classes, in_channels, encoder, decoder, total):
    assert nested("64", "PlainUNetHead", num_classes, in_channels, encoder, decoder) == total


@pytest.mark.parametrize(
    ("num_classes", "in_channels", "encoder", "decoder", "total"),
    [
        # the paper's 9.04M, then the widespread one with batch norm, without and with deep supervision
        (1, 1, {"norm": False, "bias": True}, {"norm": False, "bias": True, "transposed": True}, 9_041_700),
        (21, 3, {"bias": True}, {"bias": True, "deep_supervision": False}, 9_163_989),
        (21, 3, {"bias": True}, {"bias": True}, 9_166_068),
    ],
)
def test_unet_plus_plus(num_classes, in_channels, encoder, decoder, total):
    assert nested("32", "UNetPlusPlusHead", num_classes, in_channels, encoder, decoder) == total


def nested(variant, head, num_classes, in_channels, encoder, decoder):
    with torch.device("meta"):
        config = {"type": "UNetEncoder", "variant": variant, "in_channels": in_channels, **encoder}
        backbone = BACKBONES.build(config)
    return parameters(backbone) + count(head, backbone.channels, num_classes, strides=backbone.strides, **decoder)
