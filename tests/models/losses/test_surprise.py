"""Losses of the surprise at full size: equal to interpolate and PyTorch's cross entropy, in double precision."""

import pytest
import torch
import torch.nn.functional as F

from segbox.models.layers import set_align_corners
from segbox.models.losses import banded, spans, surprise
from segbox.models.losses.cross_entropy import CrossEntropyLoss, weighted
from segbox.models.losses.focal import FocalLoss
from segbox.models.losses.surprise import map_of_losses, sum_of_losses

SHAPES = {
    "eight times": ((4, 6), (32, 48)),
    "odd": ((5, 7), (33, 50)),
    "more than a tile": ((5, 40), (21, 300)),
    "equal": ((20, 18), (20, 18)),
    "rows equal": ((20, 9), (20, 18)),
    "one pixel": ((1, 1), (17, 13)),
    "one row": ((1, 4), (1, 9)),
    "nearly equal": ((12, 12), (13, 17)),
    "shrunk": ((20, 22), (13, 9)),
}


@pytest.fixture(params=[2**18, 700])
def floats(request, monkeypatch):
    monkeypatch.setattr(surprise, "FLOATS", request.param)


def make(shape, spread=3.0, dtype=torch.float):
    small, large = SHAPES[shape]
    torch.manual_seed(0)
    logits = (spread * torch.randn(2, 5, *small)).to(dtype).requires_grad_()
    return logits, torch.randint(0, 5, (2, *large), dtype=torch.uint8), torch.rand(2, *large)


def expected(logits, labels, weights, align_corners, gamma=0.0):
    wide = F.interpolate(logits.double(), labels.shape[1:], mode="bilinear", align_corners=align_corners)
    surprises = F.cross_entropy(wide, labels.long(), reduction="none")
    return weights * (1 - torch.exp(-surprises)) ** gamma * surprises


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_sum_gradient_and_map(shape, align_corners, floats):
    logits, labels, weights = make(shape)
    losses = expected(logits, labels, weights, align_corners)
    total = sum_of_losses(weighted, logits, labels, weights, align_corners)
    torch.testing.assert_close(total.double(), losses.sum(), rtol=1e-6, atol=0)
    gradients = (torch.autograd.grad(3 * each, logits)[0] for each in (total, losses.sum()))
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)
    own = map_of_losses(weighted, logits, labels, weights, align_corners)
    torch.testing.assert_close(own.double(), losses.detach(), rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(sum_of_losses(weighted, logits, labels, weights, align_corners), total)


@pytest.mark.parametrize("floats", [2**20, 100])
def test_channels_last_at_the_size_of_the_labels(floats, monkeypatch):
    monkeypatch.setattr(banded, "floats_per_band", lambda device: floats)
    logits, labels, weights = make("equal")
    weights[:, :5], labels[:, :5] = 0, 255
    last = logits.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    plain, total = (sum_of_losses(weighted, each, labels, weights) for each in (logits, last))
    torch.testing.assert_close(total, plain, rtol=1e-6, atol=0)
    gradients = torch.autograd.grad(plain, logits)[0], torch.autograd.grad(total, last)[0]
    torch.testing.assert_close(*gradients)
    assert gradients[1].is_contiguous(memory_format=torch.channels_last)
    assert not gradients[0][:, :, :5].any() and gradients[0][:, :, 5:].all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_has_the_gradient_of_its_formula(gamma):
    logits, labels, _ = make("odd")
    loss = FocalLoss(5, gamma=gamma)
    set_align_corners(loss, True)
    ours, theirs = loss(logits, labels), expected(logits, labels, 1.0, True, gamma).mean()
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-7)
    gradients = (torch.autograd.grad(each, logits)[0] for each in (ours, theirs))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("spread", [15.0, 60.0])
def test_logits_far_apart(spread):
    """Below the limit and above it, where exponentials would be zero."""
    logits, labels, weights = make("eight times", spread)
    assert surprise.has_spans(logits, labels) == (spread == 15)
    losses = expected(logits, labels, weights, False)
    total = sum_of_losses(weighted, logits, labels, weights)
    torch.testing.assert_close(total.double(), losses.sum(), rtol=1e-6, atol=0)
    gradients = (torch.autograd.grad(each, logits)[0] for each in (total, losses.sum()))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_neighbours_that_contradict_each_other_just_below_the_limit():
    logits = torch.full((1, 3, 4, 4), -79.0)
    logits[0, 0, :, ::2] = logits[0, 1, :, 1::2] = 0
    logits.requires_grad_()
    labels = torch.randint(0, 3, (1, 30, 30), dtype=torch.uint8)
    assert surprise.has_spans(logits, labels)
    losses = expected(logits, labels, torch.ones(1, 30, 30), False)
    total = sum_of_losses(weighted, logits, labels, torch.ones(1, 30, 30))
    torch.testing.assert_close(total.double(), losses.sum(), rtol=1e-6, atol=0)
    gradients = (torch.autograd.grad(each, logits)[0] for each in (total, losses.sum()))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_make_a_loss_that_is_not(value):
    logits, labels, weights = make("eight times")
    with torch.no_grad():
        logits[0, 2, 1, 1] = value
    assert not surprise.has_spans(logits, labels)
    assert not sum_of_losses(weighted, logits, labels, weights).isfinite()


def test_pixels_of_weight_0_may_have_any_label():
    logits, labels, weights = make("odd")
    weights[:, :9] = 0
    strange = labels.clone()
    strange[:, :9] = 255
    both = [sum_of_losses(weighted, logits, each, weights) for each in (labels, strange)]
    assert torch.equal(*both)


def test_half_precision_and_autocast_change_nothing():
    logits, labels, weights = make("odd", dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        ours = sum_of_losses(weighted, logits, labels, weights)
    assert ours.dtype == torch.float and torch.equal(ours, sum_of_losses(weighted, logits.float(), labels, weights))
    assert torch.autograd.grad(ours, logits)[0].dtype == torch.bfloat16


def test_a_second_derivative_is_refused():
    logits, labels, weights = make("odd")
    total = sum_of_losses(weighted, logits, labels, weights)
    (gradient,) = torch.autograd.grad(total**2, logits, create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        gradient.sum().backward()


def test_tiles_are_small_and_nothing_is_computed_twice(floats, monkeypatch):
    seen = []

    def score(surprises, weights):
        seen.append(surprises.numel())
        return weighted(surprises, weights)

    logits, labels, weights = make("more than a tile")
    sum_of_losses(score, logits, labels, weights)
    filled = 2 * 6 * 5 * 300  # 6 spans of up to 5 rows
    assert sum(seen) == filled and max(seen) <= max(surprise.FLOATS // 5, 5 * spans.COLUMNS)


def test_cross_entropy_with_smoothing_takes_the_other_way():
    logits, labels, _ = make("odd")
    ours = CrossEntropyLoss(5, label_smoothing=0.1)(logits, labels)
    wide = F.interpolate(logits, labels.shape[1:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours, F.cross_entropy(wide, labels.long(), label_smoothing=0.1))
