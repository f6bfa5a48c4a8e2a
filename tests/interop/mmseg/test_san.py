"""Conversion of SAN: its text encoder's classes and words, and settings that segbox has not."""

import json

import pytest

from segbox.errors import ConfigError
from segbox.interop.mmseg.clip_text import TEMPLATES, known_words, tokens_of
from segbox.interop.mmseg.convert import convert
from segbox.interop.mmseg.settings import test_pipeline as pipeline_of
from segbox.registry import DATASETS
from tests.interop.mmseg.cases import MODELS

TEXT, SIDE, LAST = ("text_encoder",), ("decode_head", "san_cfg"), ("decode_head", "maskgen_cfg")


def model_with(place, value):
    model = json.loads(json.dumps(MODELS["san_patch16"][0]))
    part = model
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return {"model": model}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("asymetric_input",), False, "asymetric_input: segbox's CLIP sees images at another scale"),
        (("image_encoder",), None, "is no MultimodalEncoderDecoder with an image_encoder"),
        (
            ("image_encoder", "num_layers"),
            5,
            r"segbox has no CLIP with .* num_layers 6 \(those of maskgen",
        ),
        (("image_encoder", "patch_pad"), "corner", r"image_encoder\.patch_pad: 'corner' has no counterpart"),
        (("image_encoder", "act_cfg"), {"type": "GELU"}, r"image_encoder\.act_cfg: .* only {'type': 'QuickGELU'}"),
        (("image_encoder", "out_indices"), [0, 1], r"out_indices: the last one must be the last layer"),
        ((*SIDE, "cfg_decoder", "num_layers"), 2, r"san_cfg\.cfg_decoder\.num_layers: 2 has no counterpart"),
        ((*SIDE, "fusion_index"), [0, 1, 2, 4], r"san_cfg\.fusion_index: \[0, 1, 2, 4\] has no counterpart"),
        ((*LAST, "cross_attn"), True, r"maskgen_cfg\.cross_attn: True has no counterpart"),
        ((*LAST, "more"), 1, "maskgen_cfg: segbox has no counterpart of more"),
        (("decode_head", "deep_supervision_idxs"), [2], "the blocks before 4 are not trained"),
        (("decode_head", "align_corners"), True, "align_corners: True has no counterpart"),
        ((*TEXT, "cat_bg"), False, r"text_encoder\.cat_bg: False has no counterpart"),
        ((*TEXT, "templates"), "imagenet", r"templates: 'imagenet' is not known"),
        ((*TEXT, "vocabulary"), ["cat"], "names 1 classes, and num_classes of the decode head is 3"),
        (
            (*TEXT, "vocabulary"),
            ["cat", "dog", "axolotl"],
            "the tokens of 'axolotl' in 'a photo of a axolotl.'",
        ),
        ((*TEXT, "dataset_name"), "ade", "dataset_name: 'ade' is not known, only coco-stuff164k, pascal_context, voc"),
        (("text_encoder",), None, "text_encoder: expected a dict, got None"),
    ],
)
def test_other_settings_are_refused(place, value, message):
    with pytest.raises(ConfigError, match=message):
        convert(model_with(place, value), {})


def test_tokens_are_those_of_clip():
    """As in CLIP's own notebook and in transformers' documentation."""
    assert tokens_of("a photo of a cat") == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokens_of("A photo of a dog.")[-3:] == [1929, 269, 49407]


def test_the_words_of_all_our_classes_are_known():
    for name in DATASETS:
        for own in DATASETS[name].spec.classes if hasattr(DATASETS[name], "spec") else ():
            tokens_of(TEMPLATES[0].format(own))
    assert all(0 <= token < 49406 for tokens in known_words().values() for token in tokens)


def test_the_short_side_of_images():
    step = {"type": "ResizeShortestEdge", "scale": (640, 640), "max_size": 2560}
    assert pipeline_of({"test_pipeline": [step]}) == ({"type": "Resize", "short": 640, "long": 2560},)
