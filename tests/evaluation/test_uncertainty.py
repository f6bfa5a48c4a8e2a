"""Intervals of scores are those of a plain loop, and hold what they promise."""

import dataclasses

import numpy as np
import pytest

from segbox.evaluation.metrics import ConfusionMatrix
from segbox.evaluation.records import Evaluation, ImageCounts
from segbox.evaluation.uncertainty import bootstrap, describe_interval, paired_bootstrap, weights_of

CLASSES = ("sky", "road", "pole")


def matrices(images=12, seed=0, right=0.8):
    """Confusion matrices of images that differ in what they hold; poles are rare."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet([3, 3, 0.2], size=images)
    for share in shares:
        targets = random.multinomial(4000, share)
        guess = np.full((3, 3), (1 - right) / 2) + np.eye(3) * (right - (1 - right) / 2)
        yield np.stack([random.multinomial(number, own) for number, own in zip(targets, guess)])


def evaluation(counts, **more):
    images = [ImageCounts.of(f"{i}.png", own) for i, own in enumerate(counts)]
    metric = ConfusionMatrix(CLASSES, **more)
    metric.counts += sum(counts)
    return Evaluation(CLASSES, [(0, 0, 0)] * 3, "", metric.compute(), images, **more)


@pytest.mark.parametrize("more", [{}, {"absent": 0}, {"ignore_background": True}])
def test_the_limits_are_those_of_a_loop_over_resamples(more):
    counts = list(matrices())
    own = evaluation(counts, **more)
    found = bootstrap(own, resamples=60, seed=3)
    assert list(found) == ["mIoU", "aAcc", "IoU/sky", "IoU/road", "IoU/pole"]
    (weights,) = weights_of(12, 60, 3)
    samples = {name: [] for name in found}
    for row in weights:
        metric = ConfusionMatrix(CLASSES, **more)
        for times, matrix in zip(row, counts):
            metric.counts += int(times) * matrix
        scores = metric.compute()
        for name, values in samples.items():
            values.append(scores[name])
    for name, interval in found.items():
        low, high = np.nanpercentile(samples[name], [2.5, 97.5])
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9), name
        assert interval.value == pytest.approx(own.scores[name], abs=1e-9), name


def test_differences_are_of_the_same_resamples():
    a, b = evaluation(list(matrices())), evaluation(list(matrices(seed=0, right=0.83)))
    found = paired_bootstrap(a, b, resamples=50, seed=1)
    (weights,) = weights_of(12, 50, 1)
    differences = []
    for row in weights:
        both = []
        for own in (a, b):
            metric = ConfusionMatrix(CLASSES)
            for times, image in zip(row, own.images):
                metric.counts[image.pairs[:, 0], image.pairs[:, 1]] += int(times) * image.pairs[:, 2]
            both.append(metric.compute()["mIoU"])
        differences.append(both[1] - both[0])
    own = found["mIoU"]
    assert (own.low, own.high) == pytest.approx(tuple(np.percentile(differences, [2.5, 97.5])), abs=1e-9)
    assert own.value == pytest.approx(b.scores["mIoU"] - a.scores["mIoU"]) and own.share == np.mean(
        np.array(differences) > 0
    )
    back = paired_bootstrap(b, a, resamples=50, seed=1)["mIoU"]
    assert (back.value, back.low, back.high) == pytest.approx((-own.value, -own.high, -own.low))


def test_what_is_hard_for_both_does_not_blur_their_difference():
    """A pixel in a hundred that only b hits, in images that differ much."""
    counts = list(matrices(images=60))
    better = [own + np.diag(np.minimum(own.sum(1) - np.diag(own), own.sum(1) // 100)) for own in counts]
    for own, old in zip(better, counts):
        for row in range(3):
            own[row, (row + 1) % 3] -= min(own[row, (row + 1) % 3], own[row].sum() - old[row].sum())
    a, b = evaluation(counts), evaluation(better)
    paired = paired_bootstrap(a, b)["mIoU"]
    alone = [bootstrap(own)["mIoU"] for own in (a, b)]
    assert paired.is_shown and paired.share == 1 and alone[0].high > alone[1].low
    same = paired_bootstrap(a, a)["mIoU"]
    assert (same.value, same.low, same.high, same.share) == (0, 0, 0, 0) and not same.is_shown


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Sets of 40 images of a population whose scores are known: 95 % of the intervals hold them."""
    population = list(matrices(images=4000, seed=5))
    truth = evaluation(population).scores
    random = np.random.default_rng(0)
    sets = [[population[i] for i in random.integers(4000, size=40)] for _ in range(100)]
    found = [bootstrap(evaluation(own), resamples=200, seed=i) for i, own in enumerate(sets)]
    for name in ("mIoU", "aAcc", "IoU/road"):
        held = np.mean([own[name].low <= truth[name] <= own[name].high for own in found])
        assert 0.87 <= held <= 0.99, name


def test_resamples_depend_on_their_seed_alone_and_come_in_blocks(monkeypatch):
    whole = np.concatenate(list(weights_of(5, 40, 7)))
    assert whole.shape == (40, 5) and (whole.sum(1) == 5).all() and len(np.unique(whole, axis=0)) > 20
    monkeypatch.setattr("segbox.evaluation.uncertainty.LARGEST_BLOCK", 16)
    blocks = list(weights_of(5, 40, 7))
    assert [len(own) for own in blocks] == [3] * 13 + [1] and (np.concatenate(blocks) == whole).all()
    assert (np.concatenate(list(weights_of(5, 40, 8))) != whole).any()


def test_a_class_that_never_occurs_has_no_interval():
    counts = [np.pad(own[:2, :2], (0, 1)) for own in matrices()]
    found = bootstrap(evaluation(counts), resamples=20)
    assert np.isnan(found["IoU/pole"].low) and np.isnan(found["IoU/pole"].value) and found["mIoU"].low > 0
    own = paired_bootstrap(evaluation(counts), evaluation(counts), resamples=20)["IoU/pole"]
    assert np.isnan(own.share) and not own.is_shown


def test_the_line_beside_a_table():
    own = evaluation(list(matrices(images=30)))
    limits = bootstrap(own)["mIoU"]
    expected = f"mIoU {own.scores['mIoU']:.1f}, 95 % between {limits.low:.1f} and {limits.high:.1f}"
    assert describe_interval(own) == f"{expected} (bootstrap over 30 images)"
    assert describe_interval(evaluation(list(matrices(images=1)))) == ""
    assert describe_interval(dataclasses.replace(own, images=[])) == ""
    one = evaluation(list(matrices(images=1)))
    assert not paired_bootstrap(one, evaluation(list(matrices(images=1, seed=1))))["mIoU"].is_shown
