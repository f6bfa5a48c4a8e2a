"""The lines on the terminal: what was chosen, why, how long it takes, and what else there is."""

import pytest

from segbox.starter.plan import choose, seconds_for
from segbox.starter.recipes import PURPOSES, RECIPES
from segbox.starter.setup import setups_for
from segbox.starter.start import Start
from segbox.starter.summary import WIDTH, shown, summary
from tests.starter.facts import CITY, Machine, facts

START = Start("imagenet", "torchvision://mobilenet_v2 (BSD-3-Clause)")


def lines_of(machine, budget=1800.0, own=CITY, purpose="balance", recipes=None, start=START, device="cpu"):
    recipes = PURPOSES[purpose] if recipes is None else recipes
    plan = choose(setups_for(recipes, own, device), own.train_images, budget, device, machine)
    text = summary(plan, own, start, purpose, recipes)
    assert max(map(len, text.splitlines())) <= WIDTH
    return plan, text.replace("\n    ", " ").splitlines()


def test_the_choice_its_reasons_and_its_time():
    plan, (model, why, time, other) = lines_of(Machine(45))
    assert model == (
        "Model: DeepLabV3+ on MobileNetV2, 8 crops of 240x320 a step, fp32, from torchvision://mobilenet_v2"
        " (BSD-3-Clause)."
    )
    assert why.startswith("Why: the heaviest model for balance that gets enough steps (1147) here; ")
    assert time == (
        f"Time: {plan.measured.step_seconds:.3g} s a step (measured here), {plan.steps} steps, 6 evaluation(s) of 30 s:"
        " 30:00 in all."
    )
    assert other.startswith("Other ways: --time ") and "would about do for DeepLabV3+ on ResNet-18" in other


def test_the_time_for_the_next_model_is_enough_for_it():
    _, lines = lines_of(Machine(45))
    minutes = lines[3].split("--time ")[1].split(" ")[0]
    hours, _, rest = minutes.rpartition("h")
    plan, _ = lines_of(Machine(45), 3600 * int(hours or 0) + 60 * int(rest[:-1] or 0))
    assert plan.setup.recipe.model == "deeplabv3plus_r18"


def test_what_the_data_asks_for():
    own = facts(fractions=(0.99, 0.01), widths=(50.0, 2.5), largest=(3000, 3000), train_images=12)
    _, lines = lines_of(Machine(100_000), own=own, device="cuda")
    for part in (
        "pole is rare (1 %), so rare classes weigh more",
        "pole is 2.5 pixels wide, so images are enlarged",
        "images are large, so they are predicted in windows",
        "only 12 image(s) to train on, so steps count, not epochs",
    ):
        assert part in lines[1]
    assert "images enlarged 1.5 times" in lines[0]
    thin = facts(widths=(50.0, 2.5))
    assert "pole is 2.5 pixels wide; enlarging takes more time" in lines_of(Machine(45), own=thin)[1][1]


def test_short_times_and_single_models():
    plan, lines = lines_of(Machine(12), 200.0)
    assert f"the time allows {plan.steps} steps (2.7 epochs), 1147 were enough: the lightest model" in lines[1]
    _, lines = lines_of(Machine(45), recipes=RECIPES[3:4])
    assert "the only one that was asked for" in lines[1] and len(lines) == 3
    _, lines = lines_of(Machine(1e5), 1e6, start=Start(None), purpose="speed")
    assert "from random weights." in lines[0] and lines[2].endswith("in all. More would hardly help.")
    assert lines[3] == "Other ways: --for accuracy has heavier models, up to DeepLabV3+ on ResNet-101."
    assert "--for speed keeps to LR-ASPP on MobileNetV2 or " in lines_of(Machine(1e5))[1][3]


@pytest.mark.parametrize(("epochs", "text"), [(0.44, "0.4"), (25.2, "25"), (5760.4, "5,760")])
def test_epochs_are_short(epochs, text):
    assert shown(epochs) == text


def test_a_measured_neighbour_is_not_guessed():
    machine = Machine(45, evaluation=1.0)
    plan, lines = lines_of(machine, 1050.0)
    assert plan.setup.recipe.model == "lraspp_mnv2"
    [heavier] = [own for own in plan.others if own.setup.recipe.model == "deeplabv3plus_mnv2"]
    assert "would do for DeepLabV3+ on MobileNetV2 (25 epochs)" in lines[3] and seconds_for(1147, heavier) > 1050
