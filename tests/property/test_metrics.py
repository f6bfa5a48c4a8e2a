"""Confusion matrices of whatever maps, counted in whatever parts."""

import math

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from segbox import IGNORE_INDEX
from segbox.evaluation.metrics import ConfusionMatrix


@st.composite
def maps(draw):
    """Predictions and targets of a few images of up to 30 classes, pixels of all of them ignored at times."""
    classes = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    ignored = draw(st.sampled_from([0.0, 0.3, 1.0]))
    pairs = []
    for _ in range(draw(st.integers(1, 5))):
        size = draw(st.integers(1, 20)), draw(st.integers(1, 20))
        target = rng.integers(0, classes, size).astype(np.uint8)
        target[rng.random(size) < ignored] = IGNORE_INDEX
        pairs.append((torch.from_numpy(rng.integers(0, classes, size).astype(np.uint8)), torch.from_numpy(target)))
    return classes, pairs


def counted(classes, pairs):
    matrix = ConfusionMatrix([f"class{i}" for i in range(classes)])
    for prediction, target in pairs:
        matrix.update(prediction, target)
    return matrix


@given(maps())
def test_each_labelled_pixel_is_counted_once(drawn):
    classes, pairs = drawn
    expected = np.zeros((classes, classes), int)
    for prediction, target in pairs:
        for g, t in zip(prediction.flatten().tolist(), target.flatten().tolist()):
            if t != IGNORE_INDEX:
                expected[t, g] += 1
    assert (counted(classes, pairs).counts == expected).all()


@given(maps(), st.integers(0, 5), st.randoms(use_true_random=False))
def test_parts_and_their_order_do_not_matter(drawn, cut, rng):
    classes, pairs = drawn
    whole = counted(classes, pairs)
    mixed = list(pairs)
    rng.shuffle(mixed)
    first, second = counted(classes, mixed[:cut]), counted(classes, mixed[cut:])
    first.merge(second)
    assert (first.counts == whole.counts).all()
    assert {name: repr(score) for name, score in first.compute().items()} == {
        name: repr(score) for name, score in whole.compute().items()
    }


@given(maps())
def test_scores_lie_between_0_and_100_and_those_of_the_truth_are_100(drawn):
    classes, pairs = drawn
    assume(any((target != IGNORE_INDEX).any() for _, target in pairs))
    scores = counted(classes, pairs).compute()
    assert all(math.isnan(score) or 0 <= score <= 100 for score in scores.values())
    perfect = [(target.where(target != IGNORE_INDEX, 0), target) for _, target in pairs]
    best = counted(classes, perfect).compute()
    assert all(math.isnan(score) or score == 100 for score in best.values())
