"""The list of published models."""

import json

import pytest

from segbox.commands import main
from segbox.interop.mmseg import zoo
from segbox.interop.published import TORCHVISION, published
from segbox.interop.torchvision import MODELS
from segbox.models.complexity import build_without_data, costs_of
from tests.runs import run_tool


@pytest.fixture
def listed(capsys):
    def run(*arguments):
        main(["list", "models", "--json", *arguments])
        return json.loads(capsys.readouterr().out)

    return run


def test_all_open_models(listed):
    models = listed()
    scores = [model["mIoU"] for model in models if model["mIoU"] is not None]
    assert scores == sorted(scores, reverse=True) and not any(model["needs"] for model in models)
    names = {model["name"] for model in models}
    assert {f"torchvision://{name}" for name in MODELS} < names
    assert len(names) == len(models) == len(MODELS) + sum(not entry.needs for entry in zoo.entries().values())
    assert "mmseg://pspnet_r50-d8_4xb2-40k_cityscapes-512x1024" in names
    assert all(model["parameters"] and model["gflops"] and model["licence"] for model in models)


def test_filters_and_sorting(listed):
    small = listed("--dataset", "ade-20k", "--max-params", "30", "--sort", "params")
    sizes = [model["parameters"] for model in small]
    assert len(small) > 5 and sizes == sorted(sizes) and sizes[-1] <= 30e6
    assert {model["dataset"] for model in small} == {"ADE20K"}
    fast = listed("--max-gflops", "20", "--min-miou", "60", "--sort", "gflops")
    assert [model["name"] for model in fast if "torchvision" in model["name"]] == [
        "torchvision://deeplabv3_mobilenet_v3_large"
    ]
    assert all(model["gflops"] <= 20 and model["mIoU"] >= 60 for model in fast)
    assert all("pspnet" in model["name"] for model in listed("PSPNet", "cityscapes")) and not listed("pspnet", "xyz")
    depth = listed("vpd", "--all")  # no segmentation: it will not open
    assert depth and all(model["needs"] for model in depth)
    names = [model["name"] for model in listed("--sort", "name")]
    assert names == sorted(names)


def test_the_table(monkeypatch, capsys):
    assert run_tool(monkeypatch, "list_models.py", "torchvision", "--sort", "name") == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if "| torchvision://fcn_resnet50 " in line)
    assert [cell.strip() for cell in row.split("|")[3:7]] == ["60.50", "-", "35.3", "276.7"]
    assert lines[-1].startswith(f"{len(MODELS)} models. ")


def test_mistakes(monkeypatch, capsys):
    assert run_tool(monkeypatch, "list_models.py", "--dataset", "cityscape5") == 2
    assert 'no model is for it. Did you mean "Cityscapes"? There are COCO with VOC classes, ' in capsys.readouterr().err
    assert run_tool(monkeypatch, "list_models.py", "--sort", "size") == 2
    assert "invalid choice: 'size'" in capsys.readouterr().err


def test_the_numbers_of_torchvisions_models_are_those_of_ours():
    assert [model.name for model in published()][: len(MODELS)] == [f"torchvision://{name}" for name in MODELS]
    for name in ("fcn_resnet50", "lraspp_mobilenet_v3_large"):
        backbone, head, level = MODELS[name]
        auxiliary = {} if level is None else {"auxiliary_head": {"type": "FCNHead", "level": level}}
        parts = {"type": "EncoderDecoder", "backbone": backbone, "decode_head": head, **auxiliary}
        cost = costs_of(build_without_data(parts, 21), (512, 512))["total"]
        assert (cost.parameters, round(cost.flops / 1e9, 1)) == TORCHVISION[name][1:]
