"""Choose the model, the crop and the number of steps that fit a data set and a budget of time.

Enough is that a model sees each image 25 times, within 300 to 1500 steps: the heaviest model that gets enough is
chosen. If none does, the lightest has smaller crops, and so more steps. The least is one epoch, and 50 steps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segbox.errors import UserError
from segbox.starter.setup import SMALLEST_BATCH, Measured, Setup, smaller_crops

ENOUGH_EPOCHS, ENOUGH_STEPS = 25, (300, 1500)
GOOD_EPOCHS, GOOD_STEPS = 60, (600, 40_000)  # the length without --time, where the limit allows it
MOST_EPOCHS, MOST_STEPS = 400, 10_000  # more of both hardly help
LEAST_STEPS = 50
LIMITS = {"cpu": 1800.0, "cuda": 3600.0}  # seconds, without --time
EVALUATIONS = 10  # at most
FEWEST_BETWEEN = 50  # steps, of two evaluations
EVALUATION_PART = 0.1  # of the time
SPARE = 0.05  # of the time: steps that are slower than the measured ones, checkpoints
OPTIMISM = 3.0  # other models compute up to so many times more operations in a second

Measure = Callable[[Setup, float], Measured | None]  # with the slowest step that is of use; None: not enough memory


@dataclass(frozen=True)
class Plan:
    """What the config will say, and the other ways that were measured or are known from them."""

    measured: Measured
    steps: int
    evaluations: int
    seconds: float  # of the whole run
    is_limited: bool  # by the budget; otherwise more steps would hardly help
    others: tuple[Measured, ...] = ()

    @property
    def setup(self) -> Setup:
        return self.measured.setup

    @property
    def interval(self) -> int:
        """Steps between two evaluations."""
        return -(-self.steps // self.evaluations)


def epochs_as_steps(epochs: float, images: int, batch: int) -> int:
    return math.ceil(epochs * images / batch)


def enough_steps(images: int, batch: int) -> int:
    low, high = ENOUGH_STEPS
    return min(max(low, epochs_as_steps(ENOUGH_EPOCHS, images, batch)), high)


def good_steps(images: int, batch: int) -> int:
    low, high = GOOD_STEPS
    return min(max(low, epochs_as_steps(GOOD_EPOCHS, images, batch)), high)


def most_steps(images: int, batch: int) -> int:
    return max(MOST_STEPS, epochs_as_steps(MOST_EPOCHS, images, batch))


def least_steps(images: int, batch: int) -> int:
    return max(LEAST_STEPS, epochs_as_steps(1, images, batch))


def evaluations_in(seconds: float, measured: Measured) -> int:
    """As many as take a tenth of the time; one is always needed."""
    wanted = EVALUATION_PART * seconds / max(measured.evaluation_seconds, 1e-9)
    return max(1, min(EVALUATIONS, int(wanted)))


def steps_in(seconds: float, measured: Measured) -> int:
    """The steps that fit into the time, beside the start and the evaluations."""
    evaluations = evaluations_in(seconds, measured) * measured.evaluation_seconds
    left = (1 - SPARE) * seconds - measured.start_seconds - evaluations
    return max(0, int(left / measured.step_seconds))


def seconds_for(steps: int, measured: Measured) -> float:
    """The least time into which so many steps fit with their evaluations."""
    for count in range(1, EVALUATIONS + 1):
        alone = measured.start_seconds + steps * measured.step_seconds + count * measured.evaluation_seconds
        seconds = (alone + 1e-6) / (1 - SPARE)
        if evaluations_in(seconds, measured) <= count:
            break
    return seconds


def choose(setups: Sequence[Setup], images: int, budget: float | None, device_type: str, measure: Measure) -> Plan:
    """The plan for the heaviest of `setups` (from light to heavy) that gets enough steps in the budget of seconds.

    Without a budget, a plan takes as long as a good length needs, at most the limit of the device, and longer only if
    the least number of steps does.
    """
    limit = LIMITS[device_type] if budget is None else budget
    tried: list[Measured] = []

    def tried_with(setup: Setup, worth: float = math.inf) -> Measured | None:
        found = measure(setup, worth)
        tried.extend([found] if found is not None else [])
        return found

    def is_enough(own: Measured | None) -> bool:
        return own is not None and steps_in(limit, own) >= enough_steps(images, own.setup.batch)

    lightest = tried_with(setups[0])
    for setup in reversed(setups[1:]):
        worth = limit / enough_steps(images, setup.batch)
        if lightest is not None and not hopeless(setup, lightest, worth) and is_enough(own := tried_with(setup, worth)):
            return planned(own, images, limit, budget is None, tried)
    if is_enough(lightest):
        return planned(lightest, images, limit, budget is None, tried)
    smaller = smaller_crops(setups[0])
    light = [lightest, *map(tried_with, smaller[:1])]
    chosen = first_with(enough_steps, light, images, limit) or first_with(least_steps, light[::-1], images, limit)
    if chosen is None:
        light += map(tried_with, smaller[1:])
        chosen = first_with(least_steps, light, images, limit) or quickest(light, images, budget)
    return planned(chosen, images, max(limit, least_seconds(chosen, images)), budget is None, tried)


def first_with(
    wanted: Callable[[int, int], int], light: Sequence[Measured | None], images: int, limit: float
) -> Measured | None:
    """The first that gets so many steps."""
    found = (own for own in light if own and steps_in(limit, own) >= wanted(images, own.setup.batch))
    return next(found, None)


def quickest(light: Sequence[Measured | None], images: int, budget: float | None) -> Measured:
    """The one that gets the least number of steps first. Raises UserError if there is a budget: it is too short."""
    fitting = [own for own in light if own is not None]
    if not fitting:
        raise UserError(
            f"not even {SMALLEST_BATCH} crops of the lightest model fit into the memory: free memory, or choose a"
            " lighter one with --model"
        )
    fastest = min(fitting, key=lambda own: least_seconds(own, images))
    if budget is not None:
        refuse(fastest, images, budget)
    return fastest


def hopeless(setup: Setup, known: Measured, worth: float) -> bool:
    """Whether a model is too slow even if it computes its operations much faster than the one that was measured."""
    return known.step_seconds * setup.gflops / known.setup.gflops > OPTIMISM * worth


def least_seconds(measured: Measured, images: int) -> float:
    return seconds_for(least_steps(images, measured.setup.batch), measured)


def refuse(chosen: Measured, images: int, budget: float) -> None:
    steps, seconds = least_steps(images, chosen.setup.batch), least_seconds(chosen, images)
    height, width = chosen.setup.crop
    raise UserError(
        f"--time: {budget:.0f} s are too short. The least that is of use are {steps} steps (each image once, but"
        f" no fewer than {LEAST_STEPS}): with {chosen.setup.recipe.model} and crops of {height}x{width} they take"
        f" {as_budget(seconds)} here, with one evaluation. Give --time {as_budget(seconds)} or more, or fewer images"
    )


def planned(chosen: Measured, images: int, limit: float, is_free: bool, others: Sequence[Measured]) -> Plan:
    steps, batch = steps_in(limit, chosen), chosen.setup.batch
    wanted = good_steps(images, batch) if is_free else most_steps(images, batch)
    is_limited = steps <= wanted
    steps = max(1, min(steps, wanted))
    seconds = limit if is_limited else seconds_for(steps, chosen)
    evaluations = min(evaluations_in(seconds, chosen), max(1, steps // FEWEST_BETWEEN))
    return Plan(chosen, steps, evaluations, seconds, is_limited, tuple(others))


def as_budget(seconds: float) -> str:
    """As --time takes it, rounded up to whole minutes: 45s, 12m, 1h30m."""
    if seconds <= 60:
        return f"{math.ceil(seconds)}s"
    hours, minutes = divmod(math.ceil(round(seconds / 60, 6)), 60)
    return f"{hours}h" * bool(hours) + f"{minutes}m" * bool(minutes)
