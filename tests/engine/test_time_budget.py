"""Runs that end in time, with a clock of our own."""

from types import SimpleNamespace

import pytest
import torch

from segbox.engine import pace, time_budget
from segbox.engine.checkpoint import read_run
from segbox.engine.hooks.evaluate import Evaluate
from segbox.engine.pace import Pace
from segbox.engine.state import restore_plan
from segbox.engine.time_budget import TimeBudget, most_steps, seconds_of
from segbox.errors import CheckpointError, UserError
from tests.engine.test_runner import small_runner


@pytest.fixture
def train(monkeypatch):
    """Trains with a budget, steps and evaluations of given seconds; returns the run, its end and its lines."""
    clock = SimpleNamespace(now=0.0)
    for module in (pace, time_budget):
        monkeypatch.setattr(module.time, "perf_counter", lambda: clock.now)

    def run(text, step, evaluation=0.0, first=None, interval=10**6):
        runner = SimpleNamespace(
            step=0, max_steps=10, scored_step=0, is_ended=False, batch_size=4, planned_steps=None, lines=[]
        )
        runner.labels, runner.val_loader = SimpleNamespace(epoch=40), SimpleNamespace(images=4)
        runner.device, runner.log = torch.device("cpu"), runner.lines.append
        runner.hooks = {"evaluate": Evaluate(interval)} if evaluation else {}
        own = Pace(TimeBudget(text, clock.now))
        while runner.step < runner.max_steps:
            seconds = first if first and not runner.step else step(runner.step) if callable(step) else step
            clock.now += seconds
            runner.step, runner.step_seconds = runner.step + 1, seconds
            own.see_step(runner)
            if evaluation and (runner.step % interval == 0 or runner.step == runner.max_steps):
                clock.now += evaluation
                runner.scored_step = runner.step
                own.see_evaluation(runner, evaluation)
        runner.end = clock.now
        return runner

    return run


def test_times_are_read():
    assert [seconds_of(text) for text in ("2h", "90m", "45s", "1h30m", "1.5h")] == [7200, 5400, 45, 5400, 5400]
    for text in ("", "2", "h", "0m", "2h3", "30m1h", "-5m", "1..5h", "nan"):
        with pytest.raises(UserError, match=r"--time .*: expected hours, minutes and seconds above 0, such as 2h"):
            seconds_of(text)


def test_the_most_steps_leave_time_for_evaluations():
    runner = SimpleNamespace(step=0, scored_step=0, is_ended=False, hooks={"evaluate": Evaluate(10)})
    assert most_steps(runner, 60, 1, 5) == 40  # 40 + 4 x 5
    assert most_steps(runner, 59, 1, 5) == 39 and most_steps(runner, 64, 1, 5) == 40
    assert most_steps(runner, -3, 1, 5) == 0


@pytest.mark.parametrize(
    "given",
    [
        {"step": 0.5},
        {"step": 0.5, "first": 40},
        {"step": 0.5, "evaluation": 30, "interval": 150},
        {"step": 0.5, "evaluation": 5},
        {"step": lambda step: 0.5 + step / 400},  # becomes slower
        {"step": lambda step: 1.5 if step < 8 else 0.5},
    ],
)
def test_a_run_ends_in_time_and_uses_the_time(train, given):
    runner = train("10m", **given)
    assert 540 <= runner.end <= 600 and runner.planned_steps == runner.max_steps == runner.step


def test_what_is_chosen_is_told(train):
    assert train("10m", step=1.0).lines[:1] == ["--time 10m: the run has 588 step(s) (58.8 epochs)"]
    lines = train("1m", step=1.0, evaluation=9).lines
    assert lines[0] == "--time 1m: the run has 57 step(s) (5.7 epochs); an evaluation is guessed at 0:01"
    lines = train("8s", step=1.0).lines
    assert lines[:2] == [
        "--time 8s: the run has 7 step(s) (0.7 epochs)",
        "warning: --time 8s is too short for one epoch: many images are never seen",
    ]


def test_settings_that_the_budget_is_too_short_for_are_told(train):
    lines = train("1m", step=1.0, evaluation=9, interval=100).lines
    told = "hooks.evaluate.interval=100 has no effect: the run of 57 steps is evaluated once, at its end"
    assert lines[1] == told and lines.count(told) == 1


def test_a_budget_that_is_used_up_ends_the_run_at_once(train):
    runner = train("10s", step=30.0, evaluation=5)
    assert runner.step == 1 and "the run ends after step 1, about 0:50 late" in runner.lines[-1]
    assert train("45s", step=5.0, first=30).step == 3


def test_a_resumed_run_keeps_the_number_of_steps(tmp_path):
    runner = small_runner(tmp_path, max_steps=2)
    runner.planned_steps = 3
    runner.train()
    path = runner.save("a.pt")
    resumed = small_runner(tmp_path, max_steps=2)
    resumed.resume(path)
    assert (resumed.step, resumed.max_steps, resumed.planned_steps) == (2, 3, 3)
    again = small_runner(tmp_path, max_steps=2)
    again.pace = Pace(TimeBudget("1h", 0.0))
    again.resume(path)
    assert (again.max_steps, again.planned_steps) == (2, None)
    with pytest.raises(CheckpointError, match="its 'planned_steps' is 'x', not a number of steps"):
        resumed.resume(path, {**read_run(path), "planned_steps": "x"})


def test_a_config_with_another_length_has_the_last_word(tmp_path):
    runner = small_runner(tmp_path, max_steps=5)
    before = {"train": {"max_steps": 2}}
    restore_plan(runner, tmp_path, 3, before, {"train": {"max_steps": 5}})
    assert (runner.max_steps, runner.planned_steps) == (5, None)
    restore_plan(runner, tmp_path, 3, before, before)
    assert (runner.max_steps, runner.planned_steps) == (3, 3)
