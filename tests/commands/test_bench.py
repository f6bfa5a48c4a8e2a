"""tools/benchmark.py: both sides are measured in the same setting, and the table says how they compare."""

import json

import pytest
import torch

from segbox.commands import bench, command_parser
from tests.runs import run_tool

TINY = ["loss", "--classes", "2", "5", "--size", "20", "17", "--stride", "4", "--runs", "2", "--threads", "1"]


def test_it_prints_ratios(monkeypatch, capsys):
    assert run_tool(monkeypatch, "benchmark.py", *TINY) == 0
    text = capsys.readouterr().out
    assert text.count("ratio") == 2 and text.count("x less") >= 4
    assert "2 x 20 x 17, logits at stride 4, float32, cpu, 1 thread(s)" in text


def test_json_holds_exact_numbers(monkeypatch, capsys):
    assert run_tool(monkeypatch, "benchmark.py", *TINY, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["setting"]["threads"] == 1 and content["setting"]["size"] == [20, 17]
    assert list(content["classes"]) == ["2", "5"]
    for sides in content["classes"].values():
        assert list(sides) == ["interpolate + cross_entropy", "CrossEntropyLoss"]
        for numbers in sides.values():
            assert numbers["seconds"] > 0 and set(numbers) == {"seconds", "cpu_seconds", "peak_mb"}


@pytest.mark.parametrize(
    ("sides", "options"),
    [
        ("loss_sides", TINY),
        ("eval_sides", ["eval", "--size", "20", "17", "--stride", "4"]),
        ("eval_sides", ["eval", "--size", "520", "520", "--stride", "8", "--mode", "slide"]),
        ("metric_sides", ["metric", "--size", "20", "17"]),
    ],
)
def test_both_sides_compute_the_same(monkeypatch, sides, options):
    monkeypatch.setattr("sys.argv", ["benchmark.py", *options])
    args = command_parser("bench").parse_args()
    plain, ours = (torch.as_tensor(side()) for side in getattr(bench, sides)(5, args).values())
    if sides == "loss_sides":
        torch.testing.assert_close(plain, ours)
    else:
        assert (plain == ours).float().mean() > 0.9999  # of pixels where two classes are level, either may be told


@pytest.mark.parametrize("options", [["--dilation", "2"], ["--stride", "2"]], ids=str)
def test_depthwise(monkeypatch, capsys, options):
    arguments = ["depthwise", *options, "--channels", "8", "--size", "9", "12", "--runs", "1"]
    assert run_tool(monkeypatch, "benchmark.py", *arguments) == 0
    out = capsys.readouterr().out
    assert "| channels" in out and "8 x 9 x 12, bfloat16" in out and "ratio" in out
    monkeypatch.setattr("sys.argv", ["benchmark.py", *arguments])
    args = command_parser("bench").parse_args()
    for plain, ours in zip(*(side() for side in bench.depthwise_sides(8, args).values()), strict=True):
        torch.testing.assert_close(plain, ours, rtol=0.02, atol=0.1)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (["eval", "--stride", "4", "--mode", "slide"], "1 x 20 x 17, logits at stride 4, float32, slide, cpu"),
        (["metric"], "1 x 20 x 17, bytes, cpu"),
    ],
)
def test_evaluation_and_metric(monkeypatch, capsys, subject, text):
    assert run_tool(monkeypatch, "benchmark.py", *subject, "--size", "20", "17", "--classes", "3", "--runs", "1") == 0
    out = capsys.readouterr().out
    assert text in out and "ratio" in out


def test_the_peak_is_what_a_run_held_and_gave_back():
    if bench.peak_mb(lambda: None, "cpu") is None:
        pytest.skip("this system does not tell the peak of resident memory")
    held = bench.peak_mb(lambda: torch.ones(2**23).sum(), "cpu")
    assert 30 < held < 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "SUBJECT"),
        (["los"], "invalid choice"),
        (["loss", "--classes", "0"], "'0' is not a whole number of 1 or more"),
        (["loss", "--size", "512"], "expected 2 arguments"),
        (["loss", "--stride", "x"], "'x' is not a whole number of 1 or more"),
        (["loss", "--device", "gpu"], '--device gpu: expected "cpu" or "cuda"'),
    ],
)
def test_bad_input_ends_with_status_2(arguments, message, monkeypatch, capsys):
    assert run_tool(monkeypatch, "benchmark.py", *arguments) == 2
    assert message in capsys.readouterr().err
