"""The choice of a model and its steps: for machines and data sets that are given as numbers."""

import pytest

from segbox.errors import UserError
from segbox.starter import plan as tool
from segbox.starter.plan import choose, enough_steps, evaluations_in, least_steps, seconds_for, steps_in
from segbox.starter.recipes import PURPOSES
from segbox.starter.setup import Measured, setups_for
from tests.starter.facts import CITY, Machine, facts

MINUTE = 60.0  # seconds


def chosen(machine, budget=None, own=CITY, purpose="balance", device="cpu"):
    return choose(setups_for(PURPOSES[purpose], own, device), own.train_images, budget, device, machine)


def model_of(plan):
    return plan.setup.recipe.model


@pytest.mark.parametrize(
    ("speed", "budget", "purpose", "model"),
    [
        (45, 30 * MINUTE, "balance", "deeplabv3plus_mnv2"),
        (45, 20 * MINUTE, "balance", "lraspp_mnv2"),
        (300, 30 * MINUTE, "balance", "deeplabv3plus_r18"),
        (10_000, 30 * MINUTE, "balance", "deeplabv3plus_r50"),
        (10_000, 30 * MINUTE, "accuracy", "deeplabv3plus_r101"),
        (10_000, 30 * MINUTE, "speed", "deeplabv3plus_mnv2"),
    ],
)
def test_the_heaviest_model_that_gets_enough_steps(speed, budget, purpose, model):
    plan = chosen(Machine(speed), budget, purpose=purpose)
    assert model_of(plan) == model
    assert plan.steps >= enough_steps(367, plan.setup.batch)


def test_the_whole_run_ends_within_its_time():
    for budget in (10 * MINUTE, 30 * MINUTE, 120 * MINUTE):
        plan = chosen(Machine(45), budget)
        own = plan.measured
        taken = own.start_seconds + plan.steps * own.step_seconds + plan.evaluations * own.evaluation_seconds
        assert 0.9 * budget < taken <= 0.95 * budget and plan.seconds == budget
        assert plan.evaluations * own.evaluation_seconds <= 0.1 * budget


def test_short_runs_are_not_evaluated_all_the_time():
    assert chosen(Machine(12, evaluation=0.1), 200.0).evaluations == 2


def test_models_that_are_clearly_too_heavy_are_not_measured():
    machine = Machine(45)
    chosen(machine, 30 * MINUTE)
    assert {model for model, *_ in machine.asked} == {"lraspp_mnv2", "deeplabv3plus_mnv2"}


def test_without_a_budget_the_length_is_good_and_limited():
    fast = chosen(Machine(100_000), device="cuda")
    assert fast.steps == 60 * 367 // 16 + 1 and not fast.is_limited and fast.seconds < 3600
    assert chosen(Machine(45)).seconds == 1800


def test_a_long_budget_is_not_used_up_if_more_steps_hardly_help():
    plan = chosen(Machine(100_000), 100 * 3600)
    assert plan.steps == max(10_000, 400 * 367 // 8) and plan.seconds < 3600 and not plan.is_limited


@pytest.mark.parametrize(
    ("images", "enough", "least"), [(1, 300, 50), (94, 300, 50), (367, 1147, 50), (9000, 1500, 1125)]
)
def test_steps_that_are_enough_do_not_shrink_to_nothing(images, enough, least):
    assert (enough_steps(images, 8), least_steps(images, 8)) == (enough, least)


def test_short_of_time_the_lightest_model_has_smaller_crops():
    plan = chosen(Machine(12), 30 * MINUTE)
    assert (model_of(plan), plan.setup.crop) == ("lraspp_mnv2", (160, 208)) and plan.steps >= enough_steps(367, 8)
    few = chosen(Machine(12), 10 * MINUTE)
    assert few.setup.crop == (160, 208) and 50 <= few.steps < enough_steps(367, 8)
    assert chosen(Machine(12), 70).setup.crop == (96, 128)


def test_a_hopeless_budget_is_refused_with_the_least_time():
    with pytest.raises(UserError, match=r"--time: 20 s are too short.* 50 steps .*Give --time (\w+) or more") as error:
        chosen(Machine(12), 20.0)
    least = str(error.value).split("Give --time ")[1].split(" ")[0]
    plan = chosen(Machine(12), float(least[:-1]) * (60 if least[-1] == "m" else 1))
    assert plan.steps >= 50


def test_without_a_budget_the_least_is_allowed_to_take_longer():
    plan = chosen(Machine(1, evaluation=1000), own=facts(train_images=20_000))
    assert plan.seconds > 1800 and plan.steps >= least_steps(20_000, 8)


def test_a_batch_that_does_not_fit_is_halved_and_a_machine_without_memory_refused():
    assert chosen(Machine(45, fits=2 * 240 * 320), 30 * MINUTE).setup.batch == 2
    with pytest.raises(UserError, match="not even 2 crops of the lightest model fit into the memory"):
        chosen(Machine(fits=10))


def test_thin_classes_are_enlarged_where_time_allows():
    thin = facts(widths=(60.0, 3.0))
    small, large = chosen(Machine(45), 30 * MINUTE, thin), chosen(Machine(110), 40 * MINUTE, thin)
    assert (small.setup.scale, large.setup.scale) == (1.0, 1.5)
    assert (large.setup.crop, large.setup.batch) == ((352, 480), 4)


def test_the_precision_is_the_measured_one():
    assert chosen(Machine(45, amp="bf16"), 30 * MINUTE).setup.amp == "bf16"


@pytest.mark.parametrize("evaluation", [0.001, 1.0, 30.0, 300.0])
@pytest.mark.parametrize("steps", [1, 50, 1000])
def test_the_time_for_steps_is_the_least_in_which_they_fit(evaluation, steps):
    own = Measured(setups_for(PURPOSES["speed"], CITY, "cpu")[0], 0.7, evaluation, 5.0)
    seconds = seconds_for(steps, own)
    assert steps_in(seconds, own) >= steps and 1 <= evaluations_in(seconds, own) <= 10
    assert steps_in(0.98 * seconds - 1, own) < steps


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.1, "13s"), (60, "60s"), (61, "2m"), (3599, "1h"), (3601, "1h1m"), (7200, "2h")]
)
def test_a_time_as_the_option_takes_it(seconds, text):
    assert tool.as_budget(seconds) == text
