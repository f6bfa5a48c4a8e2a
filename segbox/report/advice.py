"""What to try next, each with the number that speaks for it. Without such a number, nothing is advised."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segbox.evaluation.records import Evaluation
from segbox.report.boundaries import Boundaries
from segbox.report.numbers import count_text, percent_text

RARE = 0.02  # of the labelled pixels: a class with less is rare
HARDLY = 0.02  # pixels predicted as a class for each pixel of it
LOW_RECALL = 50.0  # percent
MANY_IMAGES = 3  # with a class: from so many on, that it is missed is no accident
STILL_RISING = 1.0  # points of the score in the last quarter of the run
STILL_FALLING = 0.1  # of the loss, from the third quarter of the run to the last
WORSE_THAN_BEST = 1.0  # points that the last evaluation is below the best one
LONG_BEFORE = 0.7  # of the run: the best evaluation came before
NEAR_BOUNDARIES = 0.6  # of the wrong pixels, at most 2 pixels from a boundary
FEW_NEAR = 0.25  # of the pixels are that near: with more, so are most errors anyway
FEW_MISSED = 0.25  # of these wrong pixels are of classes that are mostly missed
DOMINANT = 0.85  # of the labelled pixels are of one class
WIDE = 3.0  # points of the interval
GAP = 15.0  # points that training images score above validation images
MOST_NAMED = 5

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Facts:
    """The numbers that advice may come from. `name` is the score that `curve`, `interval` and `train` are of."""

    evaluation: Evaluation
    name: str = "mIoU"
    interval: tuple[float, float] | None = None
    curve: Curve = field(default_factory=list)
    losses: Curve = field(default_factory=list)
    boundaries: Boundaries | None = None
    train: tuple[float, int] | None = None  # the score of training images without augmentation, and their number
    is_weighted: bool = False  # the loss has class weights
    predicts_masks: bool = False  # its loss takes no class weights, and counts the classes of an image alike
    duplicates: str = ""  # what `segbox check` says of images that are in train and val


@dataclass(frozen=True)
class Advice:
    """`why` holds the number; `what` may have `settings` in backquotes."""

    title: str
    why: str
    what: str


def advice(facts: Facts) -> list[Advice]:
    """What matters most comes first: what makes the numbers wrong, then what makes them low."""
    return [found for rule in RULES for found in rule(facts)]


def shared_images(facts: Facts) -> Iterator[Advice]:
    if facts.duplicates:
        yield Advice(
            "The same images are in train and val",
            facts.duplicates,
            "The scores are too good. Move them to one side and train again; `segbox check CONFIG` lists the files.",
        )


def wide_interval(facts: Facts) -> Iterator[Advice]:
    if facts.interval is None or facts.interval[1] - facts.interval[0] <= WIDE:
        return
    low, high = facts.interval
    images = len(facts.evaluation.images)
    needed = round(images * ((high - low) / WIDE) ** 2)
    yield Advice(
        "The validation set is small for this score",
        f"With {images:,} images, {facts.name} lies between {low:.1f} and {high:.1f}: {high - low:.1f} points apart.",
        f"A difference of a point or two between runs may be chance: `segbox compare RUN RUN` tells. About {needed:,}"
        f" images would bring the interval down to {WIDE:.0f} points.",
    )


def never_predicted(facts: Facts) -> Iterator[Advice]:
    counts = facts.evaluation.counts()
    targets, guesses = counts.sum(1), counts.sum(0)
    missed = np.flatnonzero((targets > 0) & (guesses <= HARDLY * targets))
    if len(missed):
        often = "never" if not guesses[missed].any() else "never or hardly ever"
        yield Advice(
            f"{named(facts, missed)}: {often} predicted",
            f"{percent_text(targets[missed].sum() / targets.sum())} % of the labelled pixels, and"
            f" {percent_text(guesses[missed].sum() / targets.sum())} % of the predicted ones.",
            for_rare_classes(facts),
        )


def rare_and_missed(facts: Facts) -> Iterator[Advice]:
    counts = facts.evaluation.counts()
    targets, guesses, total = counts.sum(1), counts.sum(0), max(1, counts.sum())
    recall = 100 * counts.diagonal() / np.maximum(targets, 1)
    images = (facts.evaluation.tables()[1] > 0).sum(0)
    rare = (targets > 0) & (targets < RARE * total) & (images >= MANY_IMAGES)
    found = np.flatnonzero(rare & (guesses > HARDLY * targets) & (recall < LOW_RECALL))
    if len(found):
        worst = found[recall[found].argmin()]
        yield Advice(
            f"Rare and mostly missed: {named(facts, found)}",
            f"Of {facts.evaluation.classes[worst]}, {percent_text(targets[worst] / total)} % of the labelled pixels,"
            f" {recall[worst]:.0f} % are found.",
            for_rare_classes(facts),
        )


def for_rare_classes(facts: Facts) -> str:
    often = 'show images with them more often: `type="ClassBalancedDataset"` around `data.train`'
    if facts.predicts_masks:
        return (
            f"You can {often}; and draw no crops of one class alone: `cat_max_ratio=0.75` in `RandomCrop`. The loss of"
            " masks takes no class weights: it counts the classes of an image alike already."
        )
    if not facts.is_weighted:
        return f'Weigh the classes in the loss: `class_weight="sqrt"` in `model.decode_head.loss`; or {often}.'
    return (
        f"The loss weighs the classes already. You can {often}; if they are thin or tiny, train on larger images"
        " (`RandomResize`, and `test.scales`)."
    )


def dominant_class(facts: Facts) -> Iterator[Advice]:
    regions = ' A loss of regions beside the cross entropy counts them alike: `dict(type="DiceLoss")`.'
    targets = facts.evaluation.counts().sum(1)
    part = targets.max() / max(1, targets.sum())
    if (targets > 0).sum() > 1 and part >= DOMINANT:
        first = facts.evaluation.classes[int(targets.argmax())]
        yield Advice(
            f"Most pixels are {first}",
            f"{percent_text(part)} % of the labelled pixels: predicting nothing else would give {100 * part:.1f} aAcc.",
            "Read the scores of the other classes, not aAcc." + ("" if facts.predicts_masks else regions),
        )


def still_rising(facts: Facts) -> Iterator[Advice]:
    curve = facts.curve
    if len(curve) < 3 or curve[-1][1] < max(value for _, value in curve):
        return
    steps = curve[-1][0]
    before = max(value for step, value in curve[:-1] if step <= max(0.75 * steps, curve[0][0]))
    gain = curve[-1][1] - before
    if gain >= STILL_RISING:
        yield Advice(
            "The score was still rising at the end",
            f"{facts.name} rose by {gain:.1f} points in the last quarter of the run, to its best value.",
            f"Train longer: `--cfg-options train.max_steps={2 * steps}`, or a longer `--time`.",
        )


def still_falling(facts: Facts) -> Iterator[Advice]:
    """The loss, for runs with too few evaluations to have a curve."""
    steps = facts.losses[-1][0] if facts.losses else 0
    last = [value for step, value in facts.losses if step > 0.75 * steps]
    before = [value for step, value in facts.losses if 0.5 * steps < step <= 0.75 * steps]
    if len(facts.curve) >= 3 or not last or not before:
        return
    fall = 1 - (sum(last) / len(last)) / max(sum(before) / len(before), 1e-12)
    if fall >= STILL_FALLING:
        yield Advice(
            "The loss was still falling fast at the end",
            f"It fell by {100 * fall:.0f} % from the third quarter of the run to the last.",
            f"Train longer: `--cfg-options train.max_steps={2 * steps}`, or a longer `--time`.",
        )


def best_long_before(facts: Facts) -> Iterator[Advice]:
    curve = facts.curve
    if len(curve) < 3:
        return
    step, best = max(curve, key=lambda point: point[1])
    last_step, last = curve[-1]
    if step <= LONG_BEFORE * last_step and best - last >= WORSE_THAN_BEST:
        yield Advice(
            "The best step was long before the last",
            f"{facts.name} was {best:.1f} at step {step:,}, and {last:.1f} at the end, step {last_step:,}.",
            "The model begins to learn the training images by heart, or the learning rate is too high. Stronger"
            " augmentation (`RandomResize`, `PhotoMetricDistortion`), a lower `optimizer.lr`, or an early end:"
            ' `hooks.early_stopping=dict(type="EarlyStopping",patience=5)`.',
        )


def learnt_by_heart(facts: Facts) -> Iterator[Advice]:
    value = facts.evaluation.scores.get(facts.name, np.nan)
    if facts.train is None or not facts.train[0] - value >= GAP:
        return
    score, images = facts.train
    yield Advice(
        "Training images score far above validation images",
        f"{facts.name} is {score:.1f} on {images} training images, and {value:.1f} on the validation images.",
        "More images help most. Else: stronger augmentation, pretrained weights"
        ' (`model.backbone_weights="imagenet"`), a smaller backbone; and check that both sets show the same things.',
    )


def errors_at_boundaries(facts: Facts) -> Iterator[Advice]:
    """Not for classes that are missed as a whole: if they are thin, all their pixels are near a boundary."""
    if facts.boundaries is None or not facts.boundaries.wrong.any():
        return
    wrong, pixels = facts.boundaries.wrong, facts.boundaries.pixels
    part, near = wrong[0].sum() / wrong.sum(), pixels[0].sum() / pixels.sum()
    missed = wrong.sum(0) > (1 - LOW_RECALL / 100) * pixels.sum(0)
    if part >= NEAR_BOUNDARIES and near <= FEW_NEAR and wrong[0, missed].sum() < FEW_MISSED * wrong[0].sum():
        yield Advice(
            "Most errors are at boundaries",
            f"{percent_text(part)} % of the wrong pixels ({count_text(int(wrong[0].sum()))}) are at most 2 pixels from"
            f" a boundary, where {percent_text(near)} % of all pixels are.",
            "The model finds the objects and draws them roughly: larger images (a larger scale in the pipelines and"
            " `crop_size`), a head with a finer map (`FPNHead`, `UNetHead`, `DeepLabV3PlusHead`), or several scales at"
            " test: `segbox test --scales 1 1.5`. Labels may be that rough, too.",
        )


def named(facts: Facts, classes: np.ndarray) -> str:
    names = [facts.evaluation.classes[i] for i in classes]
    more = f" and {len(names) - MOST_NAMED} more classes" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


RULES: tuple[Callable[[Facts], Iterator[Advice]], ...] = (
    shared_images,
    never_predicted,
    still_rising,
    still_falling,
    best_long_before,
    learnt_by_heart,
    rare_and_missed,
    dominant_class,
    errors_at_boundaries,
    wide_interval,
)


def shared_by_check(check: Mapping[str, Any]) -> str:
    """What the JSON of `segbox check` says of images that are in both sets; "" if it found none."""
    return next((str(p["message"]) for p in check.get("problems", ()) if p.get("kind") == "leak"), "")
