"""Measured steps: with a clock that is given, and once for real."""

from functools import partial

import pytest
import torch

from segbox.config import load_config
from segbox.errors import TrainingError
from segbox.starter import trial as tool
from segbox.starter.plan import Plan
from segbox.starter.recipes import RECIPES
from segbox.starter.setup import Measured, Setup
from segbox.starter.trial import Stopwatch, part_of, window_of
from tests.runs import write_config

SETUP = Setup(RECIPES[0], (32, 48), 4)


@pytest.fixture
def stopwatch(tmp_path):
    said = []
    config = partial(load_config, write_config(tmp_path))
    watch = Stopwatch(lambda setup: config(), torch.device("cpu"), said.append)
    watch.said = said
    return watch


def with_clock(monkeypatch, seconds):
    """Steps take `seconds(amp, channels_last, images)`."""

    def timed(runner, batches, steps, at_most=float("inf")):
        batch = next(iter(batches))
        is_last = runner.memory_format == torch.channels_last
        return [seconds(runner.amp, is_last, len(batch["images"]))] * steps

    monkeypatch.setattr(tool, "timed", timed)
    monkeypatch.setattr(tool, "loading_seconds", lambda config: 0.0)


@pytest.mark.parametrize(
    ("bf16", "first", "amp", "channels_last"),
    [
        (10.0, 1.5, None, True),
        (0.5, 1.5, "bf16", True),
        (0.95, 1.0, None, True),
        (10.0, 0.7, None, False),
        (0.5, 0.7, "bf16", False),
    ],
)
def test_the_faster_precision_and_format(monkeypatch, stopwatch, bf16, first, amp, channels_last):
    with_clock(monkeypatch, lambda own, last, n: n * (1.0 if own is None else bf16) * (1.0 if last else first))
    found = stopwatch(SETUP, float("inf"))
    assert (found.setup.amp, found.setup.channels_last) == (amp, channels_last)
    assert found.step_seconds == 4 * min(1.0, bf16 if amp else 1.0) * (1.0 if channels_last else first)
    assert stopwatch.precisions == (("bf16",) if bf16 < 2 else ())
    assert f"s a step of 4 in {amp or 'fp32'}, channels {'last' if channels_last else 'first'}" in stopwatch.said[0]


def test_a_pause_of_the_machine_does_not_change_the_format(monkeypatch, stopwatch):
    steps = iter([1.0, 5.0])  # with channels last: to compare precisions, then, in the pause, formats

    def timed_as(runner, setup, batch, at_most=None):
        return 9.0 if setup.amp else 1.5 if not setup.channels_last else next(steps, 1.0)

    monkeypatch.setattr(tool, "timed_as", timed_as)
    assert stopwatch(SETUP, float("inf")).setup.channels_last


def test_a_model_that_is_clearly_too_slow_is_not_measured_further(monkeypatch, stopwatch):
    with_clock(monkeypatch, lambda own, last, n: 1.0 * n)
    found = stopwatch(SETUP, 1.9)
    assert found.is_guess and found.step_seconds == 4.0 and "too slow" in stopwatch.said[0]
    assert not stopwatch(SETUP, 2.1).is_guess


def test_memory_halves_the_batch(monkeypatch, stopwatch):
    def measure(setup, worth):
        if setup.batch > fits:
            raise TrainingError("no memory") from RuntimeError("can't allocate memory")
        return Measured(setup, 1.0, 1.0, 1.0)

    monkeypatch.setattr(stopwatch, "measure", measure)
    fits = 2
    assert stopwatch(SETUP, 1.0).setup.batch == 2
    fits = 1
    assert stopwatch(SETUP, 1.0) is None and "not enough memory" in stopwatch.said[1]


def test_the_memory_of_the_machine_is_not_used_up(monkeypatch, stopwatch):
    with_clock(monkeypatch, lambda own, last, n: 1.0)
    monkeypatch.setattr(tool, "probe", lambda runner, batch: (1.0, 100.0))
    monkeypatch.setattr(tool, "memory", lambda: 300 * 2**20)
    assert stopwatch.measure(SETUP, 9.0) is None  # 4 images take 200 MB, 180 are allowed


def test_other_errors_are_told(monkeypatch, stopwatch):
    def measure(setup, worth):
        raise TrainingError("the loss is NaN")

    monkeypatch.setattr(stopwatch, "measure", measure)
    with pytest.raises(TrainingError, match="NaN"):
        stopwatch(SETUP, 1.0)


def test_for_real(stopwatch):
    found = stopwatch(SETUP, float("inf"))
    assert 0 < found.step_seconds < 20 and 0 < found.evaluation_seconds < 20 and 0 < found.start_seconds < 60
    assert not found.is_guess and not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(("share", "is_told"), [(0.2, True), (0.7, False)])
def test_a_busy_machine_is_told(monkeypatch, stopwatch, share, is_told):
    with_clock(monkeypatch, lambda own, last, n: 1.0)
    monkeypatch.setattr(tool, "core_share", lambda: lambda: share)
    stopwatch(SETUP, float("inf"))
    assert ("other programs are busy: the steps got 20 % of the cores" in stopwatch.said[0]) == is_told


def test_the_share_of_the_cores(monkeypatch):
    clocks = {"perf_counter": [10.0, 14.0], "process_time": [1.0, 3.0]}
    for name, values in clocks.items():
        monkeypatch.setattr(tool.time, name, partial(values.pop, 0))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert tool.core_share()() == 0.25


@pytest.mark.parametrize(("step", "expected"), [(0.001, 7.0), (10.0, 11.75)])
def test_loading_takes_its_time_from_the_cores_or_is_the_time_of_a_step(monkeypatch, stopwatch, step, expected):
    """7 s of one process for a batch: one worker needs as long; of the steps it takes a part of four cores."""
    with_clock(monkeypatch, lambda own, last, n: step)
    monkeypatch.setattr(tool, "loading_seconds", lambda config: 7.0)
    monkeypatch.setattr(tool, "cores", lambda: 4)
    assert stopwatch(SETUP, float("inf")).step_seconds == expected


def test_parts_of_batches_and_of_images():
    batch = {"images": torch.zeros(4, 3, 10, 12), "labels": torch.zeros(4, 10, 12), "paths": list("abcd")}
    small = part_of(batch, 2, cut=2)
    assert small["images"].shape == (2, 3, 5, 6) and small["labels"].shape == (2, 5, 6) and small["paths"] == ["a", "b"]
    part, factor = window_of({"image": torch.zeros(3, 2048, 512), "label": torch.zeros(2048, 512), "path": "a"})
    assert part["image"].shape == (3, 1024, 512) and part["label"].shape == (1024, 512) and factor == 2


def test_a_plan_names_its_setup():
    assert Plan(Measured(SETUP, 1.0, 1.0, 1.0), 10, 3, 20.0, True).interval == 4
