"""The greedy choice against plain loops, near-duplicates, and pictures that the model is certain of."""

import numpy as np
import pytest

from segbox.review.choice import ALIKE, choose, typical_distance


def naive(features, uncertainty, count, alike):
    chosen = [max(range(len(features)), key=lambda i: uncertainty[i])]
    while len(chosen) < count:
        gains = {}
        for i in range(len(features)):
            nearest = min(float(np.sqrt(((features[i] - features[c]) ** 2).sum())) for c in chosen)
            if nearest > alike:
                gains[i] = uncertainty[i] * nearest
        if not gains or max(gains.values()) <= 0:
            break
        chosen.append(max(gains, key=gains.get))
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_the_choice_is_that_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    features, uncertainty = rng.normal(size=(40, 6)), rng.uniform(size=40)
    pairs = [np.linalg.norm(features[i] - features[j]) for i in range(40) for j in range(i)]
    assert typical_distance(features) == pytest.approx(np.median(pairs))
    assert choose(features, uncertainty, 12) == naive(features, uncertainty, 12, ALIKE * np.median(pairs))


def test_of_near_duplicates_one_is_chosen():
    rng = np.random.default_rng(0)
    different = rng.normal(size=(10, 8))
    features = np.concatenate([different, different + 0.01, different - 0.01])
    uncertainty = rng.uniform(0.5, 1, 30)
    chosen = choose(features, uncertainty, 30)
    assert sorted(index % 10 for index in chosen) == [*range(10)]
    assert chosen[0] == uncertainty.argmax()


def test_pictures_that_the_model_is_certain_of_are_not_chosen():
    features = np.random.default_rng(0).normal(size=(20, 4))
    uncertainty = np.where(np.arange(20) < 5, 0.4, 0.0)
    assert set(choose(features, uncertainty, 20)) == {*range(5)}
    assert choose(features, np.zeros(20), 3) == []


def test_few_pictures():
    assert choose(np.ones((1, 3)), np.ones(1), 5) == [0]
    assert choose(np.ones((4, 3)), np.ones(4), 5) == [0]
    assert choose(np.array([[0.0], [1.0]]), np.array([0.2, 0.3]), 5) == [1, 0]
