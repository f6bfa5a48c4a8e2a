"""Recipes that quote mmsegmentation's model zoo build its models, to the parameter."""

import pytest
import torch

from segbox.config import load_config
from segbox.models.segmentors import build_segmentor, without_weights
from tests.test_configs import CONFIGS

CLASSES = {"ade20k": 150, "cityscapes": 19, "chase_db1": 2, "coco_stuff": 171}
# The first recipe of each model: the parameters of what mmsegmentation 1.2.2 builds from the config of the
# published checkpoint. That of fpn_r101_ade20k names ResNet-50 by mistake; this is the number with its ResNet-101. SAN
# has the embeddings of classes in the place of the text encoder.
PARAMETERS = {
    "ann_r101_ade20k": 65_321_612,
    "ann_r50_ade20k": 46_329_484,
    "apcnet_r101_cityscapes": 75_349_688,
    "apcnet_r50_ade20k": 56_458_430,
    "bisenet_r18_cityscapes": 13_425_721,
    "bisenetv2_cityscapes": 14_804_255,
    "ccnet_r101_ade20k": 68_919_053,
    "ccnet_r50_ade20k": 49_926_925,
    "cgnet_cityscapes": 496_325,
    "danet_r101_ade20k": 69_073_978,
    "danet_r50_ade20k": 50_081_850,
    "ddrnet23_cityscapes": 20_299_238,
    "ddrnet23_slim_cityscapes": 5_734_278,
    "deeplabv3_r101_ade20k": 87_206_028,
    "deeplabv3_r50_ade20k": 68_213_900,
    "deeplabv3plus_r101_ade20k": 62_682_876,
    "deeplabv3plus_r50_ade20k": 43_690_748,
    "deeplabv3plus_s101_ade20k": 66_389_500,
    "dmnet_r101_cityscapes": 72_168_070,
    "dmnet_r50_ade20k": 53_276_812,
    "dnlnet_r101_cityscapes": 69_016_455,
    "dnlnet_r50_ade20k": 50_125_197,
    "dpt_vit_b_ade20k": 109_704_278,
    "emanet_r101_cityscapes": 61_342_086,
    "emanet_r50_cityscapes": 42_349_958,
    "encnet_r101_cityscapes": 54_884_089,
    "encnet_r50_cityscapes": 35_891_961,
    "erfnet_cityscapes": 2_084_095,
    "fast_scnn_cityscapes": 1_456_617,
    "fcn_hr18_ade20k": 9_676_350,
    "fcn_hr18s_ade20k": 3_974_810,
    "fcn_hr48_ade20k": 65_953_110,
    "fcn_r101_ade20k": 68_590_732,
    "fcn_r50_ade20k": 49_598_604,
    "fpn_pcpvt_s_ade20k": 27_858_838,
    "fpn_poolformer_s12_ade20k": 15_669_846,
    "fpn_r101_ade20k": 47_506_934,
    "fpn_r50_ade20k": 28_514_806,
    "fpn_svt_s_ade20k": 27_798_934,
    "gcnet_r101_ade20k": 68_723_213,
    "gcnet_r50_ade20k": 49_731_085,
    "icnet_r18_cityscapes": 25_174_393,
    "icnet_r50_cityscapes": 47_827_833,
    "isanet_r101_cityscapes": 56_699_526,
    "isanet_r50_ade20k": 37_808_268,
    "knet_deeplabv3_r50_ade20k": 81_425_804,
    "knet_r50_ade20k": 62_810_508,
    "lraspp_mobilenet_v3_large_cityscapes": 3_284_547,
    "mask2former_r101_ade20k": 63_033_495,
    "mask2former_r50_ade20k": 44_041_367,
    "mask2former_r50_cityscapes": 44_007_700,
    "mask2former_swin_s_ade20k": 68_757_537,
    "mask2former_swin_s_cityscapes": 68_723_870,
    "mask2former_swin_t_ade20k": 47_439_633,
    "mask2former_swin_t_cityscapes": 47_405_966,
    "maskformer_r50_ade20k": 41_307_863,
    "nonlocal_r101_ade20k": 69_116_812,
    "nonlocal_r50_ade20k": 50_124_684,
    "ocrnet_hr18_ade20k": 12_182_740,
    "ocrnet_hr18s_ade20k": 6_481_200,
    "ocrnet_hr48_ade20k": 70_533_100,
    "ocrnet_r101_cityscapes": 55_516_294,
    "pidnet_l_cityscapes": 37_314_183,
    "pidnet_s_cityscapes": 7_720_871,
    "pointrend_r101_cityscapes": 47_707_247,
    "pointrend_r50_ade20k": 28_888_432,
    "psanet_r101_cityscapes": 78_130_822,
    "psanet_r50_ade20k": 54_065_292,
    "psanet_r50_cityscapes": 59_138_694,
    "pspnet_r101_ade20k": 68_068_492,
    "pspnet_r18_cityscapes": 12_790_086,
    "pspnet_r50_ade20k_160k": 49_076_364,
    "pspnet_s101_cityscapes": 71_674_246,
    "san_vit_b16_coco_stuff": 94_499_762,
    "san_vit_l14_coco_stuff": 313_156_018,
    "segformer_b0_ade20k": 3_753_718,
    "segformer_b1_ade20k": 13_716_822,
    "segformer_b2_ade20k": 24_761_686,
    "segformer_b3_ade20k": 44_637_526,
    "segformer_b4_ade20k": 61_408_086,
    "segformer_b5_ade20k": 82_008_406,
    "segmenter_vit_b_ade20k": 102_496_812,
    "segmenter_vit_s_ade20k": 26_033_580,
    "segmenter_vit_t_ade20k": 6_713_196,
    "segnext_b_ade20k": 27_636_310,
    "segnext_t_ade20k": 4_263_414,
    "setr_mla_vit_l_ade20k": 309_569_262,
    "setr_mla_vit_l_cityscapes": 310_678_111,
    "setr_naive_vit_l_ade20k": 305_557_592,
    "setr_naive_vit_l_cityscapes": 306_535_500,
    "setr_pup_vit_l_ade20k": 317_290_072,
    "setr_pup_vit_l_cityscapes": 318_466_124,
    "stdc1_cityscapes": 8_573_019,  # and 3 constants of its loss
    "stdc2_cityscapes": 12_603_483,  # and 3 constants of its loss
    "unet_plain_chase_db1": 29_060_676,
    "upernet_beit_b_ade20k": 163_407_980,
    "upernet_convnext_t_ade20k": 60_242_636,
    "upernet_deit_s_ade20k": 57_995_564,
    "upernet_pcpvt_s_ade20k": 54_080_044,
    "upernet_r101_ade20k": 85_508_236,
    "upernet_r50_ade20k": 66_516_108,
    "upernet_svt_s_ade20k": 53_856_300,
    "upernet_swin_b_ade20k": 121_279_716,
    "upernet_swin_t_ade20k": 59_941_862,
    "upernet_vit_b_ade20k": 144_174_380,
}


def model_of(path):
    return without_weights(load_config(path)["model"])


@pytest.mark.parametrize("recipe", PARAMETERS)
def test_parameters_are_those_of_mmsegmentation(recipe):
    (path,) = (path for path in CONFIGS if path.stem == recipe)
    num_classes = next(count for name, count in CLASSES.items() if name in recipe)
    with torch.device("meta"):
        model = build_segmentor(model_of(path), num_classes)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[recipe]


def test_every_recipe_that_quotes_mmsegmentation_has_one_of_these_models():
    known = [model_of(path) for path in CONFIGS if path.stem in PARAMETERS]
    quoting = [path for path in CONFIGS if "MMSegmentation's model zoo" in path.read_text(encoding="utf-8")]
    assert len(quoting) > 90
    assert [path.stem for path in quoting if model_of(path) not in known] == []
