"""What "auto" chooses, on hardware that is pretended."""

import argparse
from types import SimpleNamespace

import pytest
import torch

from segbox import precision
from segbox.commands.precision import PRECISIONS, add_precision
from segbox.engine.devices import describe_choices, set_backends, with_memory_format, with_precision, without_benchmark
from segbox.engine.settings import TrainSettings
from segbox.precision import choose_precision, cpu_computes_bf16
from tests.tiny import tiny_model

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


@pytest.fixture
def cpu(monkeypatch, tmp_path):
    """Pretends a CPU: what PyTorch says of it, and the flags that Linux tells."""

    def pretend(flags="", **supported):
        for name in ("avx512_bf16", "amx_tile"):
            monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", supported.get(name), raising=False)
        (tmp_path / "cpuinfo").write_text(f"flags\t\t: fpu sse2 {flags}\n")
        monkeypatch.setattr(precision, "CPU_INFO", tmp_path / "cpuinfo")
        cpu_computes_bf16.cache_clear()

    yield pretend
    cpu_computes_bf16.cache_clear()


@pytest.mark.parametrize(
    ("supported", "flags", "expected"),
    [
        ({}, "avx2 avx512f", "fp32"),
        ({}, "avx512f avx512_bf16", "bf16"),
        ({}, "amx_bf16", "bf16"),
        ({}, "avx512_bf16_not_quite", "fp32"),
        ({"avx512_bf16": lambda: False, "amx_tile": lambda: False}, "", "fp32"),
        ({"avx512_bf16": lambda: True}, "", "bf16"),
        ({"amx_tile": lambda: True}, "", "bf16"),
    ],
)
def test_cpus(cpu, supported, flags, expected):
    cpu(flags, **supported)
    assert choose_precision("auto", CPU) == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_gpus(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", GPU) == expected
    monkeypatch.setattr(torch.version, "hip", "6.2")  # AMD's GPUs count otherwise
    assert choose_precision("auto", GPU) == "bf16"


def test_what_is_asked_for_is_taken():
    assert [choose_precision(name, GPU) for name in ("fp32", "bf16", "fp16", None)] == ["fp32", "bf16", "fp16", "fp32"]
    with pytest.raises(ValueError, match="precision='half': one of 'auto', 'fp32'"):
        choose_precision("half", CPU)


@pytest.mark.parametrize(
    ("settings", "capability", "line"),
    [
        ({}, (8, 0), "bf16 (this CUDA), channels last, cudnn.benchmark"),
        ({}, (7, 0), "fp32 (no bf16 in this CUDA), channels last, TF32, cudnn.benchmark"),
        ({"cudnn_benchmark": False}, (8, 0), "bf16 (this CUDA), channels last"),
        ({"tf32": False, "deterministic": True}, (7, 0), "fp32 (no bf16 in this CUDA), channels first"),
        ({"precision": "fp16", "channels_last": False}, (7, 0), "fp16, channels first, cudnn.benchmark"),
    ],
)
def test_the_choices_of_a_gpu_are_told_in_a_line(monkeypatch, settings, capability, line):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    given = TrainSettings(**settings)
    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    chosen = with_memory_format(with_precision(given, GPU), model, GPU)
    assert describe_choices(given, chosen, optimizer, "cuda") == f"steps in {line}, fused AdamW"


def test_switches_of_gpus_are_set_for_each_run_and_benchmarks_rest_in_evaluations(monkeypatch):
    found = SimpleNamespace(allow_tf32=None, benchmark=None, deterministic=None, matmul=None)
    monkeypatch.setattr(torch.backends, "cudnn", found)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda word: setattr(found, "matmul", word))
    set_backends(TrainSettings(), CPU)
    assert (found.allow_tf32, found.benchmark, found.matmul) == (None, None, None)
    set_backends(TrainSettings(), GPU)
    assert (found.allow_tf32, found.benchmark, found.matmul) == (True, True, "high")
    with without_benchmark():
        assert not found.benchmark
    assert found.benchmark
    set_backends(TrainSettings(deterministic=True), GPU)
    assert not found.benchmark
    set_backends(TrainSettings(tf32=False, cudnn_benchmark=False), GPU)
    assert (found.allow_tf32, found.benchmark, found.matmul) == (False, False, "highest")


def test_options_of_commands():
    parser = argparse.ArgumentParser()
    add_precision(parser, "text")
    assert PRECISIONS == precision.PRECISIONS
    options = {"--amp": "bf16", "--amp fp16": "fp16", "--precision auto": "auto", "": None}
    assert {text: parser.parse_args(text.split()).precision for text in options} == options
    with pytest.raises(SystemExit):
        parser.parse_args(["--amp", "--precision", "fp32"])
