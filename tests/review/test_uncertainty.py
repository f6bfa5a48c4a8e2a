"""How unsure a model is of a picture, against loops; the features of a picture."""

import math

import numpy as np
import pytest
import torch

from segbox.evaluation.predictor import Predictor
from segbox.evaluation.score_map import LogitMap
from segbox.review.uncertainty import LENGTH, Looker, doubt_of, projection
from tests.faulty_data import smooth_image, write_image
from tests.trained import write_checkpoint


def test_doubt_is_that_of_plain_loops():
    logits = 3 * torch.randn(1, 5, 8, 9, generator=torch.Generator().manual_seed(0))
    probabilities = logits[0].softmax(dim=0).movedim(0, 2).reshape(-1, 5).tolist()
    entropies, pairs = [], []
    for own in probabilities:
        entropies.append(-sum(p * math.log(p) for p in own) / math.log(5))
        first, second = sorted(range(5), key=lambda k: -own[k])[:2]
        if own[first] - own[second] < 1 / 3:
            pairs.append(tuple(sorted((first, second))))
    doubt = doubt_of(LogitMap(logits))
    assert doubt.uncertainty == pytest.approx(np.mean(sorted(entropies)[-18:]), rel=1e-5)
    assert doubt.share == len(pairs) / 72
    assert pairs.count(doubt.between) == max(map(pairs.count, pairs))


def test_a_model_that_is_sure_and_one_of_a_single_class():
    sure = torch.zeros(1, 3, 4, 4)
    sure[:, 1] = 20
    assert doubt_of(LogitMap(sure)).between is None and doubt_of(LogitMap(sure)).share == 0
    assert doubt_of(LogitMap(sure)).uncertainty < 1e-3
    assert doubt_of(LogitMap(torch.zeros(1, 1, 4, 4))).uncertainty == 0


def test_features_are_the_projected_mean_of_the_last_map(tmp_path):
    predictor = Predictor(None, write_checkpoint(tmp_path), torch.device("cpu"))
    image = smooth_image(50, 60, seed=3)
    write_image(tmp_path / "a.png", image)
    doubt, features = Looker(predictor)(tmp_path / "a.png")
    model = predictor.model
    with torch.no_grad():
        images = torch.from_numpy(image).movedim(2, 0)[None]
        last = model.backbone((images - model.mean) / model.std)[-1]
    expected = last.mean(dim=(0, 2, 3)).numpy()
    assert features == pytest.approx(expected @ projection(len(expected)), rel=1e-4, abs=1e-5)
    assert 0 < doubt.uncertainty <= 1


def test_the_projection_nearly_keeps_distances():
    points = np.random.default_rng(1).normal(size=(20, 2048)).astype(np.float32)
    short = points @ projection(2048)
    assert short.shape == (20, LENGTH)
    for i in range(20):
        for j in range(i):
            ratio = np.linalg.norm(short[i] - short[j]) / np.linalg.norm(points[i] - points[j])
            assert 0.75 < ratio < 1.25
    assert np.array_equal(projection(2048), projection(2048)) and np.array_equal(projection(16), np.eye(16))
