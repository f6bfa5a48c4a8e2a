"""The loss of masks, beside a naive one and beside that of transformers."""

from itertools import permutations

import numpy as np
import pytest
import torch

from segbox import IGNORE_INDEX
from segbox.errors import ConfigError
from segbox.models.layers.masks import Masks
from segbox.models.losses.assignment import assignment
from segbox.registry import LOSSES
from tests.models.losses.naive_masks import naive, same_points

CLASSES, QUERIES = 4, 5


def made(layers=2, dtype=torch.double, seed=0):
    """Predictions of layers for 3 images: some pixels are ignored in the second, all in the third."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (3, 4, 5), generator=generator, dtype=torch.uint8)
    labels = labels.repeat_interleave(3, 1).repeat_interleave(3, 2)
    labels[1, :4], labels[2] = IGNORE_INDEX, IGNORE_INDEX
    sizes = ((3, QUERIES, CLASSES + 1), (3, QUERIES, 6, 7))
    drawn = [[2 * torch.randn(size, generator=generator, dtype=dtype) for size in sizes] for _ in range(layers)]
    return [Masks(*(x.requires_grad_() for x in own)) for own in drawn], labels


def loss_of(layers, labels, **options):
    options = {"type": "MaskLoss", "num_points": 12, **options}
    return LOSSES.build(options, num_classes=CLASSES)(layers, labels)


def gradients(losses, layers):
    return torch.autograd.grad(sum(losses.values()), [x for own in layers for x in own])


@pytest.fixture
def equal_points(monkeypatch):
    monkeypatch.setattr(torch, "rand", same_points)


@pytest.mark.parametrize("rows", range(7))
def test_the_assignment_is_the_cheapest(rows):
    rng = np.random.default_rng(rows)
    for columns in range(7):
        few = min(rows, columns)
        every = np.array(list(permutations(range(max(rows, columns)), few)), int)
        for costs in [*rng.normal(size=(9, rows, columns)), rng.integers(0, 3, (rows, columns))]:
            found = assignment(costs)
            assert len(set(found[found >= 0])) == few and len(found) == rows
            wide = costs if rows <= columns else costs.T
            best = wide[np.arange(few), every].sum(axis=1).min()
            assert sum(costs[i, j] for i, j in enumerate(found) if j >= 0) == pytest.approx(best)


def test_the_assignment_costs_what_that_of_scipy_costs():
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(0)
    for _ in range(100):
        costs = rng.normal(size=rng.integers(1, 60, 2))
        found = assignment(costs)
        best = costs[optimize.linear_sum_assignment(costs)].sum()
        assert costs[found >= 0, found[found >= 0]].sum() == pytest.approx(best)


@pytest.mark.parametrize("num_points", [12, None])
@pytest.mark.parametrize("form", ["bce", "focal"])
@pytest.mark.parametrize("void", ["ignore", "background"])
def test_it_is_the_loss_of_a_loop(equal_points, form, void, num_points):
    layers, labels = made()
    options = dict(form=form, void=void, num_points=num_points)
    found, expected = loss_of(layers, labels, **options), naive(layers, labels, CLASSES, **options)
    assert list(found) == ["class", "mask", "dice", "earlier"]
    for name, value in found.items():
        assert value.item() == pytest.approx(expected[name].item(), rel=1e-5)
    for own, other in zip(gradients(found, layers), gradients(expected, layers)):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_it_is_the_loss_of_transformers(equal_points, monkeypatch):
    """With ignored pixels as background: transformers has no other way, and wants no image without a mask."""
    transformers = pytest.importorskip("transformers")
    from transformers.models.mask2former import modeling_mask2former as theirs

    monkeypatch.setattr(theirs, "requires_backends", lambda *_: None)
    solve = lambda costs: tuple(reversed((np.arange(costs.shape[1]), assignment(costs.numpy().T))))  # noqa: E731
    monkeypatch.setattr(theirs, "linear_sum_assignment", solve, raising=False)
    layers, labels = made(dtype=torch.float)
    layers, labels = [Masks(*(x[:2] for x in own)) for own in layers], labels[:2]
    config = transformers.Mask2FormerConfig(train_num_points=12, num_labels=CLASSES)
    ids = [torch.tensor([i for i in range(CLASSES) if (own == i).any()]) for own in labels]
    masks = [torch.stack([own == i for i in each]).float() for own, each in zip(labels, ids)]
    loss = theirs.Mask2FormerLoss(config, {})
    aux = [{"masks_queries_logits": layers[0].masks, "class_queries_logits": layers[0].classes}]
    values = loss(layers[1].masks, layers[1].classes, masks, ids, aux)
    names = {"class": ("loss_cross_entropy", 2), "mask": ("loss_mask", 5), "dice": ("loss_dice", 5)}
    expected = {name: weight * values[theirs] for name, (theirs, weight) in names.items()}
    expected["earlier"] = sum(weight * values[f"{theirs}_0"] for theirs, weight in names.values())
    torch.testing.assert_close(loss_of(layers, labels, void="background"), expected, rtol=1e-5, atol=1e-5)


def test_what_is_ignored_has_no_gradient_and_no_influence():
    _, labels = made()
    generator = torch.Generator().manual_seed(1)
    masks = torch.randn(3, QUERIES, *labels.shape[1:], generator=generator).requires_grad_()
    classes = torch.randn(3, QUERIES, CLASSES + 1, generator=generator).requires_grad_()
    for points in (500, None):
        torch.manual_seed(0)
        value = sum(loss_of([Masks(classes, masks)], labels, num_points=points).values())
        of_classes, of_masks = torch.autograd.grad(value, (classes, masks))
        ignored = (labels == IGNORE_INDEX)[:, None].expand_as(masks)
        assert of_masks[~ignored].any() and not of_masks[ignored].any() and not of_classes[2].any()
        assert of_classes[:2].any(dim=2).all()


def test_nothing_to_learn_is_zero_with_a_gradient():
    layers, labels = made()
    for points in (12, None):
        losses = loss_of(layers, torch.full_like(labels, IGNORE_INDEX), num_points=points)
        assert sum(losses.values()) == 0 and not any(own.any() for own in gradients(losses, layers))
    background = loss_of(layers, torch.full_like(labels, IGNORE_INDEX), void="background")
    assert background["class"] > 0 and background["mask"] == background["dice"] == 0


def test_fewer_queries_than_classes():
    layers, labels = made()
    few = [Masks(own.classes[:, :2], own.masks[:, :2]) for own in layers]
    losses = loss_of(few, labels)
    assert all(value.isfinite() and value > 0 for value in losses.values())


def test_a_perfect_guess_costs_nothing():
    _, labels = made()
    masks = torch.stack([torch.where(labels == i, 60.0, -60.0) for i in range(CLASSES)], dim=1)
    ids = torch.tensor([i if (labels == i).any() else CLASSES for i in range(CLASSES)])
    classes = torch.nn.functional.one_hot(ids, CLASSES + 1).float().mul(40).expand(3, -1, -1)
    order = [2, 0, 3, 1]
    right, wrong = (
        loss_of([Masks(classes[:, order], own)], labels, num_points=None) for own in (masks[:, order], masks)
    )
    assert sum(right.values()) < 1e-3 < sum(wrong.values())


def test_a_model_that_has_diverged_has_a_loss_of_nan():
    layers, labels = made()
    layers[0].masks.data[0] = torch.nan
    assert sum(loss_of(layers, labels).values()).isnan()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(num_points=0), "num_points=0: expected 1 or more, or None"),
        (dict(oversample=0.5), "oversample=0.5"),
        (dict(uncertain=1.5), "uncertain=1.5"),
        (dict(no_object_weight=-1.0), "no_object_weight=-1.0"),
        (dict(class_weight=[1.0] * 4), "class_weight"),
        (dict(form="l1"), "form"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        LOSSES.build({"type": "MaskLoss", **options}, num_classes=4)
