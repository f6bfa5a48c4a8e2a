"""tools/get_params.py: the published table to the last parameter, parts of a config, and how it answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from segbox.commands import command_parser
from segbox.commands import params as tool
from segbox.models.complexity import Cost, build_without_data, cost_grid, costs_of, flops_of
from segbox.registry import BACKBONES, HEADS

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "get_params.py"
DEMO = str(ROOT / "configs" / "demo" / "pspnet_r10_shapes.py")

# BLSeg at 10 and at 21 classes: FCN, U-Net, PSPNet, DeepLabV3+, GCN
GOLDEN = {
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


@pytest.mark.parametrize(("backbone", "num_classes"), list(GOLDEN))
def test_the_published_table(backbone, num_classes):
    costs = cost_grid({backbone: tool.SEED_TABLE[backbone]}, num_classes)[backbone]
    assert tuple(cost.parameters for cost in costs.values()) == GOLDEN[backbone, num_classes]
    assert list(costs) == ["FCN", "U-Net", "PSPNet", "DeepLabV3+", "GCN"]


def answer(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["get_params.py", *words])
    tool.run(command_parser("params").parse_args())
    return capsys.readouterr().out


def test_the_parts_of_a_config(monkeypatch, capsys):
    parts = json.loads(answer(monkeypatch, capsys, DEMO, "--json", "--size", "64", "96", "--num-classes", "21"))
    assert parts["backbone"]["parameters"] == 1_230_240
    assert list(parts) == ["backbone", "decode_head", "auxiliary_heads", "total"]
    assert parts["total"]["parameters"] == sum(part["parameters"] for name, part in parts.items() if name != "total")
    assert parts["total"]["flops"] == parts["backbone"]["flops"] + parts["decode_head"]["flops"]
    fewer = json.loads(answer(monkeypatch, capsys, DEMO, "--json", "--cfg-options", "model.auxiliary_head=None"))
    assert "auxiliary_heads" not in fewer  # None in the text of an option is None


def test_classes_come_from_the_data_set(monkeypatch, capsys):
    seven = answer(monkeypatch, capsys, DEMO, "--json", "--size", "64", "64")
    assert seven == answer(monkeypatch, capsys, DEMO, "--json", "--size", "64", "64", "--num-classes", "7")
    text = answer(monkeypatch, capsys, DEMO, "--size", "64", "64")
    assert "1,230,240" in text and "1 multiply-add = 2 FLOPs" in text
    with pytest.raises(ValueError, match="give --num-classes"):
        tool.number_of_classes({"model": {}, "data": {"train": {"type": "FolderDataset"}}}, None)


def test_the_grid(monkeypatch, capsys):
    only(monkeypatch, BACKBONES, "ResNet", "VGG")
    only(monkeypatch, HEADS, "FCNHead", "FCN32sHead")
    text = answer(monkeypatch, capsys, "--grid", "--markdown", "--num-classes", "21", "--size", "32", "32")
    lines = text.splitlines()
    assert lines[:2] == ["| M parameters / GFLOPs | ResNet | VGG |", "| --- | ---: | ---: |"]
    assert [line.split(" |")[0] for line in lines[2:4]] == ["| FCN32sHead", "| FCNHead"]
    assert "33.0 / 0.2" in lines[3]


def only(monkeypatch, registry, *names):
    monkeypatch.setattr(registry, "_builders", {name: registry[name] for name in names})


def test_flops_of_a_convolution():
    with torch.device("meta"):
        conv, images = nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.empty(1, 3, 10, 12)
    assert flops_of(conv, images)[1] == 2 * 10 * 12 * 8 * 3 * 9
    assert Cost(1, 2) + Cost(3, 4) == Cost(4, 6) and Cost(1) + Cost(2) == Cost(3)


def test_neither_weights_nor_downloads():
    config = {
        "type": "EncoderDecoder",
        "backbone": {"type": "ResNet", "variant": "test"},
        "neck": {"type": "JPU", "channels": 4},
        "decode_head": {"type": "BiSeNetHead"},
        "weights": "nowhere.pt",
        "backbone_weights": "nowhere.pth",
    }
    costs = costs_of(build_without_data(config, 5), (33, 47))
    assert list(costs) == ["backbone", "neck", "decode_head", "total"]
    assert all(cost.flops > 0 for cost in costs.values())


def test_what_does_not_fit_is_none():
    heads = {"good": {"type": "FCNHead"}, "bad": {"type": "GCNHead", "kernel": 4}}
    grid = cost_grid(
        {"a": ({"type": "ResNet", "variant": "test"}, heads), "b": ({"type": "ResNet", "variant": "?"}, {})}, 3
    )
    assert list(grid) == ["a"] and grid["a"]["bad"] is None and grid["a"]["good"].flops is None


def test_heads_that_read_tokens_are_counted_on_plain_transformers_alone():
    pytest.importorskip("timm")
    heads = {"tokens": {"type": "EoMTHead"}, "maps": {"type": "LinearHead"}}
    bodies = {"plain": {"type": "Timm", "name": "test_vit"}, "other": {"type": "ResNet", "variant": "test"}}
    grid = cost_grid({name: (body, heads) for name, body in bodies.items()}, 3, (64, 64))
    assert grid["other"]["tokens"] is None and grid["other"]["maps"].flops > 0
    assert grid["plain"]["tokens"].flops > grid["plain"]["maps"].flops > 0


def run(*words):
    return subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True)


def test_help_does_not_wait_for_torch():
    assert run("--help").stdout.startswith("usage: ")
    code = f"import runpy, sys; sys.argv = ['x', '--help']\ntry: runpy.run_path({str(TOOL)!r}, run_name='__main__')"
    code += "\nexcept SystemExit: sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py"], "error: there is no config file nowhere.py"),
        (["--cfg-options", "a=1"], "needs a config"),
        ([DEMO, "--grid"], "takes no config"),
    ],
)
def test_mistakes_end_with_a_message(words, message):
    result = run(*words)
    assert result.returncode == 2 and message in result.stderr and "Traceback" not in result.stderr
