"""What `segbox init` has chosen and why: the lines for the terminal, which open the config too."""

from collections.abc import Sequence
from dataclasses import replace
from textwrap import fill

from segbox.progress import duration
from segbox.starter.fingerprint import Fingerprint
from segbox.starter.plan import Plan, as_budget, enough_steps, seconds_for
from segbox.starter.recipes import PURPOSES, Recipe
from segbox.starter.setup import Measured, Setup
from segbox.starter.start import Start

FEW_IMAGES = 20
WIDTH = 110


def summary(plan: Plan, facts: Fingerprint, start: Start, purpose: str, recipes: Sequence[Recipe]) -> str:
    """Lines: the choice, its reasons, its time, and what another budget or purpose would give.

    `recipes` are those that were chosen from; a single one was the user's choice.
    """
    lines = [
        f"Model: {chosen_text(plan.setup, start)}",
        f"Why: {'; '.join(reasons(plan, facts, purpose, recipes))}.",
        f"Time: {time_text(plan, facts)}",
    ]
    if other := other_text(plan, facts, purpose, recipes):
        lines.append(f"Other ways: {other}")
    return "\n".join(fill(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False) for line in lines)


def chosen_text(setup: Setup, start: Start) -> str:
    height, width = setup.crop
    begin = "random weights" if start.word is None else start.note or start.word
    size = f", images enlarged {setup.scale:g} times" if setup.scale != 1 else ""
    return (
        f"{setup.recipe.title}, {setup.batch} crops of {height}x{width} a step{size}, {setup.amp or 'fp32'},"
        f" from {begin}."
    )


def reasons(plan: Plan, facts: Fingerprint, purpose: str, recipes: Sequence[Recipe]) -> list[str]:
    epochs = epochs_of(plan.steps, plan.setup, facts)
    enough = enough_steps(facts.train_images, plan.setup.batch)
    if len(recipes) == 1:
        found = [f"the model is the only one that was asked for; {shown(epochs)} epochs"]
    elif plan.steps >= enough:
        found = [f"the heaviest model for {purpose} that gets enough steps ({enough}) here; {shown(epochs)} epochs"]
    else:
        found = [
            f"the time allows {plan.steps} steps ({shown(epochs)} epochs), {enough} were enough: the lightest model"
        ]
    if facts.is_imbalanced:
        rare, percent = facts.classes[facts.rarest], 100 * facts.fractions[facts.rarest]
        found.append(f"{rare} is rare ({percent:.2g} %), so rare classes weigh more")
    if facts.thin:
        thin = f"{facts.classes[facts.thin[0]]} is {facts.widths[facts.thin[0]]:.2g} pixels wide"
        found.append(
            f"{thin}, so images are enlarged" if plan.setup.scale > 1 else f"{thin}; enlarging takes more time"
        )
    if facts.is_large:
        found.append("images are large, so they are predicted in windows")
    if facts.train_images < FEW_IMAGES:
        found.append(f"only {facts.train_images} image(s) to train on, so steps count, not epochs")
    return found


def time_text(plan: Plan, facts: Fingerprint) -> str:
    own = plan.measured
    how = "guessed, not measured" if own.is_guess else "measured here"
    text = (
        f"{own.step_seconds:.3g} s a step ({how}), {plan.steps} steps, {plan.evaluations} evaluation(s) of"
        f" {own.evaluation_seconds:.2g} s: {duration(plan.seconds)} in all."
    )
    return text if plan.is_limited else f"{text} More would hardly help."


def other_text(plan: Plan, facts: Fingerprint, purpose: str, recipes: Sequence[Recipe]) -> str:
    """The next heavier model with the time that it needs, and what another purpose would change."""
    if len(recipes) == 1:
        return ""
    parts = []
    heavier = recipes[recipes.index(plan.setup.recipe) + 1 :]
    if heavier:
        own = known(replace(plan.setup, recipe=heavier[0]), plan)
        steps = enough_steps(facts.train_images, own.setup.batch)
        about, epochs = "about " * own.is_guess, epochs_of(steps, own.setup, facts)
        time = as_budget(seconds_for(steps, own))
        parts.append(f"--time {time} would {about}do for {heavier[0].title} ({shown(epochs)} epochs)")
    elif purpose != "accuracy":
        parts.append(f"--for accuracy has heavier models, up to {PURPOSES['accuracy'][-1].title}")
    if plan.setup.recipe not in PURPOSES["speed"]:
        parts.append(f"--for speed keeps to {' or '.join(recipe.title for recipe in PURPOSES['speed'])}")
    return "; ".join(parts) + "." if parts else ""


def known(setup: Setup, plan: Plan) -> Measured:
    """What was measured of a model, else a guess by its operations."""
    for own in plan.others:
        if (own.setup.recipe, own.setup.scale) == (setup.recipe, setup.scale) and not own.is_guess:
            return own
    factor = setup.recipe.gflops / plan.setup.recipe.gflops
    own = plan.measured
    return Measured(setup, factor * own.step_seconds, factor * own.evaluation_seconds, own.start_seconds, is_guess=True)


def epochs_of(steps: int, setup: Setup, facts: Fingerprint) -> float:
    return steps * setup.batch / max(1, facts.train_images)


def shown(epochs: float) -> str:
    return f"{epochs:.1f}" if epochs < 10 else f"{epochs:,.0f}"
