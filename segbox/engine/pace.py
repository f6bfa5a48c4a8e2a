"""How fast a run is: measured in its own steps and evaluations, never in extra ones, which would change the run."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from segbox.engine.evaluations_left import evaluations_left
from segbox.engine.hooks.log import peak_memory_mb
from segbox.engine.time_budget import NoBudget, TimeBudget
from segbox.progress import duration

if TYPE_CHECKING:
    from segbox.engine.runner import Runner

MEASURED_AFTER = 4  # steps of this process: the first one allocates and warms up, the next three are measured
SLOW_STEP = 20.0  # seconds; a first step that takes longer is told at once


class Pace:
    """Measures a run, and logs when it will end: after four steps, and again after the first evaluation."""

    def __init__(self, budget: NoBudget | TimeBudget) -> None:
        self.budget = budget
        self.steps = 0  # of this process; a resumed run has more
        self.first_seconds = 0.0  # the first step
        self.measured_from = 0.0  # when the first step was complete
        self.evaluation_seconds = 0.0  # of all evaluations since then
        self.evaluations = 0
        self.last_evaluation = math.nan  # seconds; NaN before the first one

    def see_step(self, runner: Runner) -> None:
        self.steps += 1
        if self.steps == 1:
            self.first_seconds, self.measured_from = runner.step_seconds, time.perf_counter()
            self.evaluation_seconds = 0.0
        self.budget.plan(runner, self)
        if goes_on(runner) and self.is_told_now():
            runner.log(self.forecast(runner))

    def is_measured(self) -> bool:
        return self.steps >= MEASURED_AFTER

    def is_told_now(self) -> bool:
        return self.steps == MEASURED_AFTER or (self.steps == 1 and self.first_seconds >= SLOW_STEP)

    def see_evaluation(self, runner: Runner, seconds: float) -> None:
        self.evaluations += 1
        self.last_evaluation = seconds
        self.evaluation_seconds += seconds
        if self.steps:
            self.budget.plan(runner, self)
        if self.evaluations == 1 and self.steps and goes_on(runner):
            runner.log(self.forecast(runner))

    def seconds_per_step(self) -> float:
        """The mean with all that belongs to steps, such as checkpoints; without the first step and evaluations."""
        if self.steps < 2:
            return self.first_seconds
        return (time.perf_counter() - self.measured_from - self.evaluation_seconds) / (self.steps - 1)

    def forecast(self, runner: Runner) -> str:
        steps, evaluations = runner.max_steps - runner.step, evaluations_left(runner, runner.max_steps)
        seconds = steps * self.seconds_per_step()
        rest = f"{steps} more steps"
        if evaluations and math.isnan(self.last_evaluation):
            rest += f" take {duration(seconds)}, and {evaluations} evaluation(s) come to it, not measured yet"
        elif evaluations:
            seconds += evaluations * self.last_evaluation
            rest += f" and {evaluations} evaluation(s) of {self.last_evaluation:.3g} s take {duration(seconds)}"
        else:
            rest += f" take {duration(seconds)}"
        first = " (the first step, which is slow)" if self.steps == 1 else ""
        memory = describe_memory(peak_memory_mb(runner.device), runner.device.type)
        return f"{self.seconds_per_step():.3g} s a step{first}{memory}; {rest}: the end is at about {clock(seconds)}"


def goes_on(runner: Runner) -> bool:
    return runner.step < runner.max_steps and not runner.is_ended


def describe_memory(megabytes: float, device_type: str) -> str:
    """Empty if the memory is not known (Windows)."""
    kind = "allocated on the GPU" if device_type == "cuda" else "resident"
    return "" if math.isnan(megabytes) else f", {megabytes:.0f} MB {kind} at most"


def clock(seconds: float) -> str:
    """The time of day in so many seconds; with the date if it is another day."""
    now = time.time()
    then = time.localtime(now + seconds)
    is_today = then[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M", then)
