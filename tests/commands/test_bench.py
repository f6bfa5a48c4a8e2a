"""segbox bench: what it prints, and what it refuses."""

import json

import pytest

from segbox.benchmark.inference import check_runtimes
from segbox.commands import bench
from segbox.errors import ConfigError
from tests.runs import run_tool, write_config

TINY = ["loss", "--classes", "2", "5", "--size", "20", "17", "--runs", "2"]


def test_it_prints_a_table(monkeypatch, capsys):
    assert run_tool(monkeypatch, "benchmark.py", *TINY) == 0
    text = capsys.readouterr().out
    assert "5 classes, 2 x 20 x 17, logits at stride 8" in text and text.count("| bare ") == 2 and "1 thread;" in text
    assert run_tool(monkeypatch, "benchmark.py", *TINY, "--markdown") == 0
    assert "|  | bare | " in capsys.readouterr().out


def test_json_holds_exact_numbers(monkeypatch, capsys):
    assert run_tool(monkeypatch, "benchmark.py", *TINY, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert set(content) == {"subject", "setting", "machine", "cases"}
    assert content["setting"]["threads"] == 1 and content["setting"]["size"] == [20, 17]
    for case in content["cases"]:
        assert [side["name"] for side in case["sides"]] == ["segbox", "bare"]
        for side in case["sides"]:
            assert len(side["cpu"]) == len(side["wall"]) == 3 and side["wall"][1] > 0 and side["note"] == ""


def test_the_model_of_a_config(monkeypatch, capsys, tmp_path):
    config = write_config(tmp_path)
    arguments = ["--size", "32", "48", "--classes", "5", "--runs", "1"]
    for subject in ("train", "infer"):
        assert run_tool(monkeypatch, "benchmark.py", subject, config, *arguments) == 0
        assert "the config's model, 2 x 32 x 48, 5 classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "SUBJECT"),
        (["los"], "invalid choice"),
        (["loss", "--classes", "1"], "'1' is not a number of classes: 2 to 255"),
        (["loss", "--classes", "300"], "'300' is not a number of classes: 2 to 255"),
        (["loss", "--size", "512"], "expected 2 arguments"),
        (["loss", "--size", "0", "5"], "'0' is not a whole number of 1 or more"),
        (["loss", "--device", "gpu"], '--device gpu: expected "cpu" or "cuda"'),
        (["data", "--device", "cuda"], "--device cuda: data is measured on the CPU only"),
        (["loss", "--device", "cuda", "--peer", "smp=/x"], "--device cuda: peers are compared on the CPU only"),
        (["loss", "--peer", "mmseg=/nowhere"], "there is no Python in /nowhere"),
        (["train", "nowhere.py"], "there is no config file nowhere.py"),
        (["infer", "--runtimes", "fast"], "expected some of eager, channels_last, compile, onnxruntime, openvino"),
        (
            ["infer", "--runtimes", "eager", "openvino"],
            ".xml files need onnx, onnxscript, openvino",
        ),
        (["infer", "--peer-model", "smp"], "--peer-model smp: expected NAME=MODEL"),
    ],
)
def test_bad_input_ends_with_status_2(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("segbox.export.write.find_spec", lambda name: None)
    assert run_tool(monkeypatch, "benchmark.py", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_gpu_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run_tool(monkeypatch, "benchmark.py", "loss", "--device", "cuda") == 2
    assert "--device cuda: PyTorch finds no GPU here" in capsys.readouterr().err


def test_exported_files_are_timed_on_the_cpu(monkeypatch):
    monkeypatch.setattr("segbox.export.write.find_spec", lambda name: "there")
    with pytest.raises(ConfigError, match="openvino: exported files are timed on the CPU only; remove --device cuda"):
        check_runtimes(["eager", "openvino"], "cuda")


def test_a_config_that_does_not_build(monkeypatch, capsys, tmp_path):
    config = write_config(tmp_path, 'model["decode_head"]["type"] = "FCNHed"\n')
    assert run_tool(monkeypatch, "benchmark.py", "infer", config) == 2
    assert "FCNHed" in capsys.readouterr().err


def test_every_subject_has_the_options_that_its_cases_read():
    for subject, (_, make, defaults) in bench.SUBJECTS.items():
        args = bench.argparse.ArgumentParser()
        bench.add_subject(args, defaults)
        read = {name for name in make.__code__.co_names if name in defaults}
        assert read <= set(vars(args.parse_args([]))), subject
