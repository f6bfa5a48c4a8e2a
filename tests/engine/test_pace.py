"""How fast a run is, and when it will end, with a clock of our own."""

import math
import time
from types import SimpleNamespace

import pytest
import torch

from segbox.engine import pace
from segbox.engine.evaluations_left import evaluations_left
from segbox.engine.hooks.evaluate import Evaluate
from segbox.engine.pace import Pace, clock, describe_memory
from segbox.engine.time_budget import NoBudget


@pytest.fixture
def run(monkeypatch):
    """A run of 100 steps on a clock that stands still; evaluations are due at 40, 80 and 100."""
    clock_of_test = SimpleNamespace(now=0.0)
    monkeypatch.setattr(pace.time, "perf_counter", lambda: clock_of_test.now)
    monkeypatch.setattr(pace, "peak_memory_mb", lambda device: 700.0)
    monkeypatch.setattr(pace, "clock", lambda seconds: f"+{seconds:.0f}")
    run = SimpleNamespace(
        step=0, max_steps=100, scored_step=0, is_ended=False, hooks={"evaluate": Evaluate(40)}, lines=[]
    )
    run.device, run.log, run.pace = torch.device("cpu"), run.lines.append, Pace(NoBudget())

    def steps(count, seconds):
        for _ in range(count):
            clock_of_test.now += seconds
            run.step, run.step_seconds = run.step + 1, seconds
            run.pace.see_step(run)

    def evaluation(seconds):
        clock_of_test.now += seconds
        run.scored_step = run.step
        run.pace.see_evaluation(run, seconds)

    run.steps, run.evaluation = steps, evaluation
    return run


def test_the_end_is_told_after_four_steps_without_the_first_and_again_with_evaluations(run):
    run.steps(1, 9)
    run.steps(2, 2)
    assert run.lines == []
    run.steps(1, 2)
    assert run.lines == [
        "2 s a step, 700 MB resident at most; 96 more steps take 3:12, and 3 evaluation(s) come to it, not measured"
        " yet: the end is at about +192"
    ]
    run.steps(36, 2)
    run.evaluation(50)
    assert run.lines[1:] == [
        "2 s a step, 700 MB resident at most; 60 more steps and 2 evaluation(s) of 50 s take 3:40: the end is at about"
        " +220"
    ]
    run.steps(40, 2)
    run.evaluation(50)
    assert len(run.lines) == 2 and run.pace.seconds_per_step() == 2


def test_a_slow_first_step_is_told_at_once(run):
    run.hooks = {}
    run.steps(1, 30)
    run.steps(3, 1)
    assert run.lines == [
        "30 s a step (the first step, which is slow), 700 MB resident at most; 99 more steps take 49:30: the end is at"
        " about +2970",
        "1 s a step, 700 MB resident at most; 96 more steps take 1:36: the end is at about +96",
    ]


def test_nothing_is_told_when_nothing_is_left(run):
    run.max_steps = 4
    run.steps(4, 1)
    run.evaluation(1)
    assert run.lines == []


def test_a_resumed_run_measures_its_own_steps(run):
    run.step = run.scored_step = 40
    run.evaluation(7)  # which the previous run had left undone
    run.steps(1, 30)
    run.steps(3, 1)
    assert run.lines[-1].startswith("1 s a step, ") and "56 more steps and 2 evaluation(s) of 7 s" in run.lines[-1]


def test_evaluations_are_those_still_due(run):
    assert evaluations_left(run, 100) == 3 and evaluations_left(run, 80) == 2 and evaluations_left(run, 30) == 1
    run.step = 40
    assert evaluations_left(run, 100) == 3
    run.scored_step = 40
    assert evaluations_left(run, 100) == 2


def test_memory_and_clock_in_words(monkeypatch):
    assert describe_memory(12.3, "cuda") == ", 12 MB allocated on the GPU at most"
    assert describe_memory(math.nan, "cpu") == ""
    noon = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))
    monkeypatch.setattr(time, "time", lambda: noon)
    assert clock(3660) == "13:01" and clock(13 * 3600) == "2026-03-05 01:00"
