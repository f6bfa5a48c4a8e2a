"""tools/list_configs.py, and the configs that it lists: each resolves, builds, and says what to expect."""

import os
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

from segbox.commands import list as tool
from segbox.config import load_config
from segbox.data.datasets import ade20k, camvid, cityscapes, coco_stuff, pascal_context, pascal_voc
from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.loader import classes_without_files
from segbox.data.transforms.pipeline import build_pipeline
from segbox.engine.optim import build_optimizer
from segbox.models import segmentors
from segbox.models.segmentors import build_encoder, build_segmentor, without_weights
from segbox.registry import DATASETS, HEADS, HOOKS
from segbox.weights.backbone import word_for
from segbox.weights.published import published
from tests.runs import run_tool

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "list_configs.py"
CONFIGS = [path for path in sorted((ROOT / "configs").glob("*/*.py")) if path.parent.name != "_base_"]
CLASSES = {
    "ADE20K": ade20k.CLASSES,
    "CamVid": camvid.CLASSES,
    "Cityscapes": cityscapes.CLASSES,
    "COCOStuff": coco_stuff.CLASSES,
    "COCOVOC": pascal_voc.CLASSES,
    "PascalContext": pascal_context.CLASSES,
    "PascalVOC": pascal_voc.CLASSES,
    "ShapesDataset": ShapesDataset.classes,
    **dict.fromkeys(("DRIVE", "STARE", "CHASE_DB1", "HRF"), ("background", "vessel")),
    **dict.fromkeys(("Potsdam", "Vaihingen"), range(6)),
    "LoveDA": range(7),
}
# The totals that the older toolboxes, and torchvision for COCO, have for the same rows (K = 21, 150 and 151)
PUBLISHED_SIZES = {
    "fcn_r101s_jpu_voc": 74_173_674,
    "pspnet_r101s_voc": 68_073_706,
    "pspnet_r101s_jpu_voc": 87_809_258,
    "deeplabv3_r101s_jpu_voc": 80_855_530,
    "ocnet_r101s_jpu_voc": 75_094_762,
    "ocnet_asp_r101s_jpu_voc": 105_770_986,
    "ccnet_r101s_jpu_voc": 88_659_819,
    "bisenet_r18_voc": 13_397_951,
    "pspnet_r50s_ade20k_384": 49_180_908,
    "pspnet_r50s_ade20k_384_background": 49_181_678,
    "encnet_r50s_ade20k_400": 36_164_578,
    "encnet_r50s_ade20k_400_background": 36_165_861,
    "fcn_r50_coco_voc": 35_322_218,
    "fcn_r101_coco_voc": 54_314_346,
    "deeplabv3_r50_coco_voc": 42_004_074,
    "deeplabv3_r101_coco_voc": 60_996_202,
    "deeplabv3_mobilenet_v3_large_coco_voc": 11_029_328,
    "lraspp_mobilenet_v3_large_coco_voc": 3_221_538,
    "encnet_r50s_jpu_ade20k": 47_511_522,
    "encnet_r101s_jpu_ade20k": 66_503_650,
    # transformers' EoMT, and the original with other backbones
    "eomt_s_dinov2_ade20k": 23_722_903,
    "eomt_l_dinov2_ade20k": 316_020_887,
    "eomt_l_dinov2_cityscapes": 319_032_340,
    "eomt_b_dinov3_ade20k": 92_342_935,
    "eomt_l_dinov3_ade20k": 314_898_583,
    # mmsegmentation's own counts
    "bisenet_r18_cityscapes": 13_425_721,
    "bisenet_r18_coco_stuff": 13_484_545,
    "lraspp_mobilenet_v3_large_cityscapes": 3_284_547,
    "unet_plain_cityscapes": 29_062_886,
    **dict.fromkeys((f"unet_plain_{name}" for name in ("drive", "stare", "chase_db1", "hrf")), 29_060_676),
    "fcn_hr18s_cityscapes": 3_939_309,
    "fcn_hr18_cityscapes": 9_640_849,
    "fcn_hr48_cityscapes": 65_858_659,
    "fcn_hr18s_ade20k": 3_974_810,
    "fcn_hr18_ade20k": 9_676_350,
    "fcn_hr48_ade20k": 65_953_110,
    "fcn_hr18s_voc": 3_939_851,
    "fcn_hr18_voc": 9_641_391,
    "fcn_hr48_voc": 65_860_101,
    "ocrnet_hr18s_cityscapes": 6_378_496,
    "ocrnet_hr18_cityscapes": 12_080_036,
    "ocrnet_hr48_cityscapes": 70_371_446,
    "ocrnet_hr18s_ade20k": 6_481_200,
    "ocrnet_hr18_ade20k": 12_182_740,
    "ocrnet_hr48_ade20k": 70_533_100,
    "ocrnet_hr18s_voc": 6_380_064,
    "ocrnet_hr18_voc": 12_081_604,
    "ocrnet_hr48_voc": 70_373_914,
}
# Seconds each. The quick tests build a network of timm of each form (fpn_repvit, linear_dinov2_s, segformer_pvt_v2_b0,
# eomt_s), and with these heads other backbones; test_configs.py takes a step of each with a tiny network.
LARGE = (
    *("eomt_b_dinov3_ade20k", "eomt_l_dinov2_ade20k", "eomt_l_dinov2_cityscapes", "eomt_l_dinov3_ade20k"),
    *("linear_dinov2_b_ade20k", "linear_dinov2_b_frozen_ade20k", "linear_lingbot_b_frozen_ade20k"),
    *("linear_dinov3_b_frozen_ade20k", "linear_lingbot_b_ade20k", "dpt_dinov2_b_ade20k", "upernet_dinov2_b_ade20k"),
    *("segformer_pvt_v2_b2_ade20k", "segformer_pvt_v2_b5_ade20k", "segformer_efficientvit_b1_cityscapes"),
    *("lraspp_mobilenet_v4_conv_m_cityscapes", "upernet_convnext_t_ade20k"),
)
TINY = '"""Foo (https://a.b/c) with ResNet-50 on My Set.\n\nExpected: 41.7 mIoU (the paper).\n"""\n' + (
    "model = dict(backbone=dict(type='ResNet', variant='50', stem='S'), neck=dict(type='JPU'))\n"
    "data = dict(train=dict(type='FolderDataset', root='data/my_set'))\n"
)
loaded = cache(load_config)  # the tests below only read them


@pytest.fixture(scope="module")
def encoders():
    """Backbones, each with its neck, by all that they are built from."""
    found = {}
    yield found
    found.clear()  # a hundred networks


@pytest.fixture
def run(monkeypatch, capsys):
    """The exit status of the tool, and what it says of a mistake."""

    def status_and_errors(*arguments):
        return run_tool(monkeypatch, TOOL.name, *arguments), capsys.readouterr().err

    return status_and_errors


def slow_if_large(path: Path):
    return pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in LARGE else [])


def num_classes(data: dict) -> int:
    classes = classes_without_files(data)
    expected = (
        len(data["classes"]) if "classes" in data else len(CLASSES[data["type"]]) + data.get("use_background", False)
    )
    assert len(classes) == expected
    return expected


def test_networks_of_timm_are_called_what_timm_calls_them():
    timm = pytest.importorskip("timm")
    used = {loaded(path).model.backbone.name for path in CONFIGS if loaded(path).model.backbone.type == "Timm"}
    assert len(used) > 10 and [name for name in used if not timm.is_model(name)] == []


@pytest.mark.parametrize("path", [slow_if_large(path) for path in CONFIGS])
def test_every_config_builds(path, encoders, monkeypatch):
    config = loaded(path)
    if config.model.backbone.type == "Timm":
        pytest.importorskip("timm")
    for data in (config.data.train, config.data.val):
        assert data.type in DATASETS
        build_pipeline(data.pipeline)
    build_pipeline(config.data.val.pipeline).check_keeps_view()
    assert num_classes(config.data.train) == num_classes(config.data.val)
    for name, hook in config.hooks.items():
        assert hook is None or HOOKS.build(hook, f"hooks.{name}")
    model = built(config, encoders, monkeypatch)
    if path.parent.name == "demo":  # needs no network
        assert not config.model.get("backbone_weights") and not config.model.backbone.get("pretrained")
    else:
        check_begin(config.model, model.backbone)
    build_optimizer(config.optimizer, model)
    size = sum(parameter.numel() for parameter in model.parameters())
    assert size == PUBLISHED_SIZES.get(path.stem, size)


def built(config: dict, encoders: dict, monkeypatch) -> torch.nn.Module:
    """On the meta device. Building takes the time of the encoder: models that differ in nothing but heads share it."""
    settings = without_weights(config.model)
    others = {name: value for name, value in settings.items() if name not in ("decode_head", "auxiliary_head")}

    def build_once(*given):
        key = repr((others, given))
        if key not in encoders:
            encoders[key] = build_encoder(*given)
        return encoders[key]

    monkeypatch.setattr(segmentors, "build_encoder", build_once)
    with torch.device("meta"):
        return build_segmentor(settings, num_classes(config.data.train))


def check_begin(config: dict, backbone: torch.nn.Module) -> None:
    """The word in the config is the one that the backbone names for its form, not one of another network."""
    if config.backbone.type == "Timm":
        assert config.backbone.pretrained and published(f"timm://{config.backbone.name}")
    elif config.backbone.type in ("VisionTransformer", "BEiT"):  # several trainings are published for each variant
        assert published(config.backbone_weights)
    elif getattr(backbone, "form", "") not in getattr(backbone, "imagenet", {}):
        assert config.get("backbone_weights") is None  # nobody publishes weights of these
    else:
        assert config.backbone_weights == word_for(backbone, "imagenet") and published(config.backbone_weights)


def test_every_head_has_a_recipe():
    """But for the forms that segmentation_models_pytorch has, for its trained models."""
    used = {loaded(path).model.decode_head.type for path in CONFIGS}
    assert used == {name for name in HEADS if not name.startswith("SMP")}


@pytest.mark.parametrize(
    "name",
    [
        "fcn/fcn16s_vgg16",
        "unet/unet_r34",
        "pspnet/pspnet_r50",
        "deeplabv3plus/deeplabv3plus_xception65",
        "gcn/gcn_r152",
    ],
)
def test_the_classic_models_take_another_backbone(name):
    path = ROOT / "configs" / f"{name}_voc.py"
    override = (
        path.read_text().partition("other backbone, from its ImageNet weights:\n--cfg-options ")[2].partition("\n")[0]
    )
    config = load_config(path, shlex.split(override))
    with torch.device("meta"):
        model = build_segmentor(without_weights(config.model), 21)
    assert type(model.backbone).__name__ == "MobileNetV1"
    assert config.model.backbone_weights == "imagenet" and word_for(model.backbone, "imagenet")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_says_its_own_command(path):
    text = path.read_text()
    assert f"tools/train.py {path.relative_to(ROOT)}" in text
    assert "Expected: " in text


def test_a_row(tmp_path):
    (tmp_path / "configs/foo").mkdir(parents=True)
    (tmp_path / "configs/foo/foo_r50_my_set.py").write_text(TINY)
    rows = [tool.Row(path) for path in tool.config_files(tmp_path / "configs")]
    assert tool.method_table(rows, tmp_path).splitlines()[-1] == (
        "| [Foo](https://a.b/c) | ResNet-50-S + JPU | My Set | [foo/](configs/foo) (1) |"
    )
    assert tool.config_table(rows, tmp_path / "docs").splitlines()[-1].endswith("](../configs/foo/foo_r50_my_set.py) |")
    last = tool.config_table(rows, tmp_path).splitlines()[-1]
    assert last == (
        "| [Foo](https://a.b/c) | ResNet-50-S + JPU | My Set | 41.7 mIoU | the paper |"
        " random | [foo_r50_my_set](configs/foo/foo_r50_my_set.py) |"
    )


def test_sentences():
    assert tool.expectation("41.68 mIoU, 80.04 pixAcc (a, b; c)") == ("41.68 mIoU, 80.04 pixAcc", "a, b; c")
    assert tool.expectation("82.2 mIoU (the zoo), from COCO") == ("82.2 mIoU", "the zoo, from COCO")
    assert tool.expectation("no number was found; another has 78.7") == ("–", "no number was found; another has 78.7")


def test_write_then_check(tmp_path, run):
    (tmp_path / "configs/foo").mkdir(parents=True)
    config = tmp_path / "configs/foo/foo_r50_my_set.py"
    config.write_text(TINY)
    readme = tmp_path / "README.md"
    readme.write_text("# A\n\n<!-- configs:begin -->\nold\n<!-- configs:end -->\n\nB\n")
    folder = ("--configs", tmp_path / "configs")
    status, errors = run(*folder, "--check", readme)
    assert status == 2 and f"run segbox list --write {readme}" in errors
    assert run(*folder, "--write", readme) == run(*folder, "--check", readme) == (0, "")
    text = readme.read_text()
    assert text.startswith("# A\n\n<!-- configs:begin -->\n| Method |") and text.endswith("-->\n\nB\n")


@pytest.mark.parametrize("name", ["docs/configs.md", "docs/models.md"])
def test_what_we_ship_is_up_to_date(run, name):
    assert run("--check", ROOT / name) == (0, "")


def test_what_it_refuses(tmp_path, run):
    readme = tmp_path / "README.md"
    readme.write_text("no markers")
    status, errors = run("--check", readme)
    assert status == 2 and "has no markers for a table" in errors
    (tmp_path / "configs/foo").mkdir(parents=True)
    (tmp_path / "configs/foo/foo.py").write_text("model = dict()\n")
    status, errors = run("--configs", tmp_path / "configs")
    assert status == 2 and "foo.py: its docstring has no expected score" in errors


def test_help_is_quick():
    """In the processor's time, whatever else the machine does: it takes a tenth of that, torch alone takes longer."""
    before = os.times()
    answer = subprocess.run([sys.executable, TOOL, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert answer.returncode == 0 and "--check FILE" in answer.stdout
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2
