"""Cross entropy against a loop over pixels."""

import math

import pytest
import torch

from segbox.errors import ConfigError
from segbox.models.losses.cross_entropy import CrossEntropyLoss
from segbox.registry import LOSSES
from tests.tiny import random_batch

WEIGHTS = (0.5, 1.0, 2.0, 0.25, 3.0)


def naive(logits, labels, weights=(1.0,) * 5, smoothing=0.0, ignored=255):
    """PyTorch's definition: smoothing spreads over the classes by their weights; the mean is over the true ones'."""
    total = mass = 0.0
    for b in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                k = int(labels[b, y, x])
                if k == ignored:
                    continue
                scores = [float(s) for s in logits[b, :, y, x]]
                norm = math.log(sum(math.exp(s) for s in scores))
                losses = [norm - s for s in scores]
                total += (1 - smoothing) * weights[k] * losses[k]
                total += smoothing / len(scores) * sum(w * own for w, own in zip(weights, losses))
                mass += weights[k]
    return total / mass


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_of_a_loop(weights, smoothing):
    logits = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0)) * 3
    _, labels = random_batch(2, 6, 7, 5, ignored_rows=2)
    loss = CrossEntropyLoss(5, weights, smoothing)(logits, labels)
    assert loss.item() == pytest.approx(naive(logits, labels, weights or (1.0,) * 5, smoothing), rel=1e-5)


def test_small_logits_are_brought_to_the_labels():
    logits = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    _, labels = random_batch(2, 11, 15, 5, ignored_rows=3)
    grown = torch.nn.functional.interpolate(logits, (11, 15), mode="bilinear", align_corners=False)
    loss = CrossEntropyLoss(5, WEIGHTS)(logits, labels)
    assert loss.item() == pytest.approx(naive(grown, labels, WEIGHTS), rel=1e-5)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_ignored_pixels_give_exactly_no_gradient(weights, smoothing):
    logits = torch.randn(2, 5, 6, 7, requires_grad=True)
    _, labels = random_batch(2, 6, 7, 5, ignored_rows=2)
    CrossEntropyLoss(5, weights, smoothing)(logits, labels).backward()
    assert logits.grad[:, :, :2].abs().max() == 0
    assert (logits.grad[:, :, 2:].abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_zero_with_a_gradient_when_everything_is_ignored(weights):
    logits = torch.randn(1, 5, 3, 4, requires_grad=True)
    loss = CrossEntropyLoss(5, weights)(logits, torch.full((1, 8, 9), 255, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0 and torch.equal(logits.grad, torch.zeros_like(logits))


def test_classes_of_no_weight_are_no_division_by_zero():
    logits = torch.randn(1, 5, 3, 4, requires_grad=True)
    loss = CrossEntropyLoss(5, (0, 1, 1, 1, 1))(logits, torch.zeros(1, 3, 4, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0 and torch.isfinite(logits.grad).all()


def test_half_precision_logits_are_summed_in_float():
    logits = torch.randn(1, 5, 32, 32, dtype=torch.bfloat16)
    _, labels = random_batch(1, 64, 64, 5)
    loss = CrossEntropyLoss(5)(logits, labels)
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(
        CrossEntropyLoss(5)(logits.float(), labels).item()
    )


def test_one_weight_per_class():
    with pytest.raises(ConfigError, match=r"model\.loss: class_weight has 2 numbers for 5 classes"):
        LOSSES.build({"type": "CrossEntropyLoss", "class_weight": (1, 2)}, "model.loss", num_classes=5)
