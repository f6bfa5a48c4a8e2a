"""Runs an exported file beside PyTorch, before it gets its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from segbox.errors import UserError
from segbox.export.pictures import batch_of
from segbox.export.plan import Plan, Size
from segbox.weights.loading import first_line

SIZES = ((160, 256), (224, 224), (117, 187))  # the last is no multiple of any stride
MOST_DIFFERENT = {"fp32": 0.1, "fp16": 1.0, "int8": 5.0}  # percent of the pixels whose class may be another

ADVICE = {
    "fp32": "With a fixed size (--size H W) it may be right",
    "fp16": "Without --half it may be right",
    "int8": "Without --int8 it may be right",
}

Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """At one size: the largest difference of scores (of classes: how much more probable PyTorch's class is where they
    differ), the percentage of pixels of another class, and the number of classes that PyTorch sees."""

    size: Size
    largest: float
    different: float
    classes: int


def compare(plan: Plan, run: Run, pictures: Sequence[np.ndarray]) -> list[Comparison]:
    """The file's outputs beside PyTorch's at three sizes (or the fixed one); at the last size a batch of two."""
    sizes = SIZES if plan.size is None else (plan.size,) * 3
    some = [pictures[:1], pictures[1:2] or pictures, pictures[-2:]]
    return [compared(plan, run, batch_of(plan, few, size)) for few, size in zip(some, sizes)]


def compared(plan: Plan, run: Run, images: np.ndarray) -> Comparison:
    output = plan.graph.output
    plan.graph.output = "probabilities" if output == "classes" else output
    try:
        with torch.no_grad():
            expected = plan.graph(torch.from_numpy(images)).numpy()
    finally:
        plan.graph.output = output
    found = answer(plan, run, images)
    truth = expected.argmax(1)
    guess = found if output == "classes" else found.argmax(1)
    is_other = truth != guess
    if output == "classes":
        chosen = np.take_along_axis(expected, guess[:, None].astype(np.int64), axis=1)[:, 0]
        largest = (expected.max(1) - chosen).max()
    else:
        largest = np.abs(found - expected).max()
    return Comparison(images.shape[2:], float(largest), 100 * float(is_other.mean()), len(np.unique(truth)))


def advice(plan: Plan) -> str:
    precision = plan.metadata["precision"]
    return "" if plan.size and precision == "fp32" else f". {ADVICE[precision]}"


def answer(plan: Plan, run: Run, images: np.ndarray) -> np.ndarray:
    """What the file says; UserError if its runtime fails."""
    try:
        return run(images)
    except Exception as error:  # each runtime has its own
        height, width = images.shape[2:]
        raise UserError(
            f"at {height}x{width} pixels the file cannot be run, so none was written ({first_line(error)[:60]} ...)"
            f"{advice(plan)}"
        ) from error


def verdict(plan: Plan, found: Sequence[Comparison], program: Run, pictures: Sequence[np.ndarray]) -> None:
    """UserError if too many pixels have another class; says whether torch.export or the conversion is at fault."""
    most = MOST_DIFFERENT[plan.metadata["precision"]]
    worst = max(found, key=lambda one: one.different)
    if worst.different <= most:
        return
    is_program_wrong = max(one.different for one in compare(plan, program, pictures)) > most
    if is_program_wrong and plan.metadata["precision"] == "fp16":
        suspect = "the program of torch.export differs too: float16 holds too few digits, or no numbers over 65504"
    elif is_program_wrong:
        suspect = "the program of torch.export differs too: a layer has fixed the example's size"
    elif plan.metadata["precision"] == "int8":
        suspect = "8 bits are too few for this model, or the calibration images are unlike these"
    else:
        suspect = "the program of torch.export agrees with PyTorch: an operator is translated or computed differently"
    height, width = worst.size
    raise UserError(
        f"at {height}x{width} pixels, {worst.different:.3g} % of the pixels have another class than in PyTorch;"
        f" {most:g} % are allowed, so no file was written; {suspect}{advice(plan)}"
    )
