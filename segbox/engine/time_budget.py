"""`segbox train --time 2h`: the number of steps is chosen so that the run ends in time, its schedule finished."""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING

from segbox import distributed
from segbox.engine.evaluations_left import evaluations_left
from segbox.engine.without_effect import lengths_without_effect
from segbox.errors import UserError
from segbox.progress import duration

if TYPE_CHECKING:
    from segbox.engine.pace import Pace
    from segbox.engine.runner import Runner

SPARE = 0.02  # of the budget: for the last checkpoint, and for steps that become slower
NEXT_PLAN = 8  # plan again when this part of the steps that are left has been done
WORTH_A_LINE = 0.1  # the change of the number of steps since the last line


def seconds_of(text: str) -> float:
    """The seconds of 45s, 90m, 2h or 1h30m."""
    found = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?", text)
    try:
        parts = [float(part or 0) for part in found.groups()] if found else []
    except ValueError:
        parts = []
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1)))
    if seconds <= 0:
        raise UserError(f"--time {text}: expected hours, minutes and seconds above 0, such as 2h, 90m, 45s or 1h30m")
    return seconds


class NoBudget:
    """The run has the length that its config says."""

    is_limited = False

    def plan(self, runner: Runner, pace: Pace) -> None: ...


class TimeBudget:
    """Chooses `runner.max_steps` from the first steps, and again as the run goes on, more often towards its end.

    All processes call `plan` after the same steps, and take the choice of process 0.
    """

    is_limited = True

    def __init__(self, text: str, begin: float) -> None:
        self.text = text
        self.seconds = seconds_of(text)
        self.begin = begin  # in seconds of time.perf_counter()
        self.next_step = 0
        self.told = 0  # the number of steps in the last line
        self.known_evaluations = 0

    def plan(self, runner: Runner, pace: Pace) -> None:
        if runner.step >= runner.max_steps or (
            runner.step < self.next_step and pace.evaluations == self.known_evaluations
        ):
            return
        self.known_evaluations = pace.evaluations
        left = self.begin + (1 - SPARE) * self.seconds - time.perf_counter()
        mine = (left, pace.seconds_per_step(), evaluation_seconds(runner, pace))
        left, step_seconds, evaluation = distributed.gather(mine)[0]
        steps = most_steps(runner, left, step_seconds, evaluation)
        if pace.steps == 1 and left > 0:
            steps = max(steps, runner.step + 2)  # the first step is slow: the second one tells more
        runner.max_steps = runner.planned_steps = steps
        if pace.is_measured():
            self.next_step = runner.step + max(1, (steps - runner.step) // NEXT_PLAN)
        if pace.is_measured() or steps == runner.step:
            self.tell(runner, pace, late=evaluations_left(runner, steps) * evaluation - left)

    def tell(self, runner: Runner, pace: Pace, late: float) -> None:
        steps, is_first = runner.max_steps, not self.told
        if abs(steps - self.told) > WORTH_A_LINE * self.told:
            epochs = steps * runner.batch_size / max(1, runner.labels.epoch)
            guess = ""
            if evaluations_left(runner, steps) and math.isnan(pace.last_evaluation):
                guess = f"; an evaluation is guessed at {duration(evaluation_seconds(runner, pace))}"
            runner.log(f"--time {self.text}: the run has {steps} step(s) ({epochs:.1f} epochs){guess}")
            self.told = steps
            for line in lengths_without_effect(runner.hooks, steps) if is_first else ():
                runner.log(line)
            if is_first and epochs < 1:
                runner.log(f"warning: --time {self.text} is too short for one epoch: many images are never seen")
        if steps == runner.step and late > SPARE * self.seconds:
            runner.log(
                f"warning: --time {self.text} is too short for more than these steps and an evaluation: the run ends"
                f" after step {steps}, about {duration(late - SPARE * self.seconds)} late"
            )


def evaluation_seconds(runner: Runner, pace: Pace) -> float:
    """The last evaluation; before the first, a guess: an image takes as long as one of training (whole images are
    larger than crops, but there is no backward pass)."""
    if not math.isnan(pace.last_evaluation):
        return pace.last_evaluation
    if runner.val_loader is None:
        return 0.0
    return pace.seconds_per_step() * runner.val_loader.images / runner.batch_size


def most_steps(runner: Runner, left: float, step_seconds: float, evaluation: float) -> int:
    """The largest number of steps whose rest, with its evaluations, takes no more than the seconds that are left."""
    low, high = runner.step, runner.step + max(0, int(left / max(step_seconds, 1e-6)))
    while low < high:
        middle = (low + high + 1) // 2
        if (middle - runner.step) * step_seconds + evaluations_left(runner, middle) * evaluation <= left:
            low = middle
        else:
            high = middle - 1
    return low
