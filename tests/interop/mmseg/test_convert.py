"""What a config of mmsegmentation says of the whole model, and what is refused by name."""

import copy

import pytest
import torch

from segbox.errors import CheckpointError, ConfigError
from segbox.interop.mmseg.config_text import read_text
from segbox.interop.mmseg.convert import convert
from segbox.models.segmentors import build_segmentor
from segbox.registry import DATASETS
from tests.interop.mmseg.resnets import MODELS


def config(name="psp_r18b", **settings):
    """A config whose model has other values at some places: config(**{"decode_head.channels": 8})."""
    model = copy.deepcopy(MODELS[name][0])
    for path, value in settings.items():
        *steps, last = path.split(".")
        place = model
        for step in steps:
            place = place[int(step) if isinstance(place, list) else step]
        place[last] = value
    return {"model": model}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"type": "MultimodalEncoderDecoder"}, "model.type: 'MultimodalEncoderDecoder' has no counterpart"),
        ({"asset": 1}, "model: segbox has no counterpart of asset"),
        ({"backbone.type": "MyNet"}, "model.backbone.type: MyNet has no counterpart"),
        ({"backbone.style": "caffe"}, "model.backbone.style: 'caffe'"),
        ({"backbone.dcn": {"type": "DCN"}}, "model.backbone.dcn"),
        ({"backbone.my_option": 1}, "model.backbone: segbox has no counterpart of my_option"),
        ({"backbone.norm_cfg": {"type": "BN", "eps": 1e-3}}, "model.backbone: segbox has no counterpart of norm_cfg"),
        ({"backbone.norm_cfg": {"type": "GN", "num_groups": 8}}, "model.backbone: .* norm_cfg"),
        ({"backbone.conv_cfg": {"type": "ConvWS"}}, "model.backbone: .* conv_cfg"),
        ({"decode_head.act_cfg": {"type": "LeakyReLU"}}, "model.decode_head: .* act_cfg"),
        ({"decode_head.norm_cfg": None}, "model.decode_head: .* norm_cfg"),
        ({"decode_head.out_channels": 7}, "model.decode_head.out_channels: 7 for 3 classes"),
        ({"decode_head": []}, r"model.decode_head: expected dict\(type="),
        ({"decode_head.in_index": 9}, "model.decode_head.in_index: 9 has no counterpart among .*, only 0, 1, 2, 3"),
        ({"decode_head": {"type": "PSPHead"}}, "model.decode_head.num_classes: expected a number of classes, got None"),
        ({"decode_head.pool_scales": 3}, "model.decode_head: is no PSPHead as mmsegmentation has it"),
        ({"backbone.out_indices": None}, "model.backbone: is no ResNet as mmsegmentation has it"),
        ({"decode_head": 3}, r"model.decode_head: expected dict\(type="),
        ({"data_preprocessor": None}, "has no mean and std"),
        ({"data_preprocessor.bgr_to_rgb": False}, "trained on BGR"),
        ({"test_cfg": {"mode": "slide_flip"}}, "model.test_cfg.mode"),
        ({"test_cfg": {"mode": "slide", "crop_size": (9, 9)}}, "model.test_cfg.stride: expected height and width"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        convert(config(**settings), {})
    assert "\n" not in str(caught.value)


def test_a_head_that_reads_another_map_than_ours_is_refused():
    with pytest.raises(ConfigError, match=r"model.decode_head.in_index: segbox's head reads the last map, not 2"):
        convert(config("cc_r18", **{"decode_head.in_index": 2}), {})


def test_other_files_are_no_configs():
    with pytest.raises(ConfigError, match="no config of mmsegmentation"):
        convert({"model": {"backbone": {}}}, {})


def test_a_cascade_and_a_list_of_heads_belong_together():
    with pytest.raises(ConfigError, match="CascadeEncoderDecoder has a list"):
        convert(config("ocr_r50_d16", type="EncoderDecoder"), {})


def test_norms_of_several_processes_and_old_names_are_the_same():
    """The first configs of mmsegmentation had another name for the dropout."""
    settings = {"decode_head.drop_out_ratio": 0.3, "decode_head.norm_cfg": {"type": "BN", "momentum": 0.01}}
    given = config(**settings)
    del given["model"]["decode_head"]["dropout_ratio"]
    assert convert(given, {}).model["decode_head"]["dropout"] == 0.3


def test_the_test_mode_and_the_padding():
    slide = {"mode": "slide", "crop_size": (769, 512), "stride": 513}
    found = convert(config(**{"test_cfg": slide, "data_preprocessor.test_cfg": {"size_divisor": 32}}), {})
    assert found.test == {"mode": "slide", "window": (769, 512), "stride": (513, 513), "divisor": 32}
    assert any("averages probabilities" in note for note in found.notes)
    assert convert(config(), {}).test == {"mode": "whole"}


def test_align_corners_is_of_the_model():
    assert convert(config(**{"decode_head.align_corners": True}), {}).model["align_corners"] is True
    assert "align_corners" not in convert(config(), {}).model


def test_auxiliary_heads_and_the_weights_of_losses():
    loss = {"type": "CrossEntropyLoss", "loss_weight": 0.4}
    found = convert(config("cc_r18", **{"auxiliary_head.1.loss_decode": loss}), {}).model
    assert [head["level"] for head in found["auxiliary_head"]] == [-2, -3]
    assert found["auxiliary_head"][1]["loss"]["loss_weight"] == 0.4 and "loss" not in found["auxiliary_head"][0]
    assert isinstance(convert(config("da_r18"), {}).model["auxiliary_head"], dict)


OLD = """
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = {model}
train_cfg = dict()
test_cfg = dict(mode='slide', crop_size=(480, 480), stride=(320, 320))
dataset_type = 'PascalContextDataset'
img_norm_cfg = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=True)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiScaleFlipAug', img_scale=(520, 520), flip=False, transforms=[
        dict(type='Resize', keep_ratio=True), dict(type='RandomFlip'),
        dict(type='Normalize', mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=True)])]
data = dict(samples_per_gpu=4, train=dict(type='RepeatDataset', times=2, dataset=dict(type='PascalContextDataset')),
            test=dict(type='PascalContextDataset', pipeline=test_pipeline))
"""


def test_a_config_of_the_first_generation():
    model = copy.deepcopy(MODELS["psp_r18b"][0])
    del model["data_preprocessor"], model["test_cfg"], model["train_cfg"]
    model["decode_head"]["num_classes"] = 60
    found = convert(read_text(OLD.format(model=model), "a.py"), {})
    assert found.model["mean"] == (1.0, 2.0, 3.0) and found.model["std"] == (4.0, 5.0, 6.0)
    assert found.test == {"mode": "slide", "window": (480, 480), "stride": (320, 320)}
    assert found.pipeline == ({"type": "Resize", "short": 520, "long": 520},)
    assert found.classes == DATASETS["PascalContext"].spec.with_background().classes
    assert found.dataset == "pascal_context" and len(found.palette) == 60


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"scale": (2048, 512), "keep_ratio": True}, {"short": 512, "long": 2048}),
        ({"scale": (640, 480)}, {"size": (480, 640), "keep_ratio": False}),
        ({"img_scale": (2048, 512)}, {"short": 512, "long": 2048}),
    ],
)
def test_the_size_of_images_in_tests(step, expected):
    loader = {"dataset": {"type": "X", "pipeline": [{"type": "Resize", **step}]}}
    found = convert({**config(), "test_dataloader": loader}, {}).pipeline
    assert found == ({"type": "Resize", **expected},)


def classes(meta, num_classes=2, **more):
    return convert({**config(**{"decode_head.num_classes": num_classes}), **more}, {}, meta)


def test_classes_of_a_checkpoint():
    new = classes({"dataset_meta": {"classes": ("road", "sky "), "palette": [[1, 2, 3], [4, 5, 6]]}})
    old = classes({"CLASSES": ["road", "sky"], "PALETTE": [[1, 2, 3], [4, 5, 6]]})
    assert new.classes == old.classes == ("road", "sky") and new.palette == old.palette == ((1, 2, 3), (4, 5, 6))
    assert not any("names of the classes" in note for note in new.notes)


@pytest.mark.parametrize(
    "meta", [{}, {"CLASSES": ("a",)}, {"CLASSES": 5}, {"CLASSES": ("a", "a")}, {"CLASSES": (1, 2)}]
)
def test_classes_that_are_not_known_or_do_not_fit_are_none(meta):
    found = classes(meta)
    assert found.classes is None and any("names of the classes" in note for note in found.notes)


def test_wrong_colours_are_not_taken():
    assert classes({"CLASSES": ("a", "b"), "PALETTE": [[1, 2, 3], [4, 5, 600]]}).palette is None


def test_names_of_our_data_sets_are_spelled_our_way():
    spec = DATASETS["Potsdam"].spec
    names = [name.replace(" ", "_") for name in spec.classes]
    found = classes({"CLASSES": names}, 6, dataset_type="PotsdamDataset")
    assert found.classes == spec.classes and found.dataset == "potsdam"
    own = classes({"CLASSES": list("abcdef")}, 6, dataset_type="PotsdamDataset")
    assert own.classes == tuple("abcdef") and own.dataset is None


def test_tensors_that_belong_to_no_part_are_left_out_and_told():
    state = {"module.decode_head.conv_seg.bias": torch.zeros(3), "ema_backbone": torch.zeros(1)}
    found = convert(config(), state)
    assert list(found.weights) == ["decode_head.classify.bias"]
    assert any("1 tensors are left out" in note and "ema_backbone" in note for note in found.notes)


@pytest.mark.parametrize(("count", "channels", "threshold", "expected"), [(2, 1, None, 0.3), (1, None, 0.7, 0.7)])
def test_a_model_of_one_channel_finds_the_same_pixels(count, channels, threshold, expected):
    settings = {"num_classes": count, "out_channels": channels, "threshold": threshold}
    given = config(**{f"decode_head.{name}": value for name, value in settings.items()})
    logits = torch.linspace(-3, 3, 61)
    bias = torch.zeros(1)
    found = convert(given, {"decode_head.conv_seg.bias": bias})
    assert found.model["num_classes"] == 2 and found.model["decode_head"]["out_channels"] == 1
    shifted = logits + found.weights["decode_head.classify.bias"]
    assert torch.equal(shifted > 0, logits.sigmoid() > expected)
    with torch.device("meta"):
        assert build_segmentor(found.model, None).decode_head.classify.out_channels == 1
    with pytest.raises(CheckpointError, match=r"no decode_head.conv_seg.bias"):
        convert(given, {"x": bias})
