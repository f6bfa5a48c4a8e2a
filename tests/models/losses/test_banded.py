"""A band at a time equals all at once: sums, several sums, maps, and their gradients."""

import pytest
import torch
import torch.nn.functional as F

from segbox import IGNORE_INDEX
from segbox.models.criterion import build_criterion
from segbox.models.layers import set_align_corners
from segbox.models.losses import banded
from segbox.models.losses.banded import banded_map, banded_sum, banded_sums
from segbox.models.losses.cross_entropy import CrossEntropyLoss

SHAPES = {  # logits, labels
    "eight times": ((4, 6), (32, 48)),
    "odd": ((5, 7), (33, 50)),
    "equal": ((20, 18), (20, 18)),
    "rows equal": ((20, 9), (20, 18)),
    "columns equal": ((10, 18), (20, 18)),
    "one pixel": ((1, 1), (17, 13)),
    "shrunk": ((20, 22), (13, 9)),
}


@pytest.fixture(params=["thin", "images apart", "images together"], autouse=True)
def bands(request, monkeypatch):
    """Small inputs would be a single band."""
    rows, floats = {"thin": (1, 1), "images apart": (8, 500), "images together": (8, 2**20)}[request.param]
    monkeypatch.setattr(banded, "FEWEST_ROWS", rows)
    monkeypatch.setattr(banded, "floats_per_band", lambda device: floats)


def make(shape, num_classes=4, dtype=torch.float, seed=0):
    small, large = SHAPES[shape]
    generator = torch.Generator().manual_seed(seed)
    logits = (3 * torch.randn(3, num_classes, *small, generator=generator)).to(dtype).requires_grad_()
    labels = torch.randint(0, num_classes, (3, *large), generator=generator, dtype=torch.uint8)
    labels[:, :3, :5] = IGNORE_INDEX
    return logits, labels


def all_at_once(logits, labels, **options):
    wide = F.interpolate(logits.float(), labels.shape[-2:], mode="bilinear", align_corners=False)
    return F.cross_entropy(wide, labels.long(), ignore_index=IGNORE_INDEX, **options)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sum_with_aligned_corners(shape):
    logits, labels = make(shape)
    loss = CrossEntropyLoss(4)
    set_align_corners(loss, True)
    wide = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=True)
    ours, theirs = loss(logits, labels), F.cross_entropy(wide, labels.long(), ignore_index=IGNORE_INDEX)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad(3 * value, logits)[0] for value in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 0.0, 1.0]], ids=["plain", "weighted"])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_is_that_of_resized_logits(shape, weight, smoothing):
    logits, labels = make(shape)
    ours = CrossEntropyLoss(4, class_weight=weight, label_smoothing=smoothing)(logits, labels)
    weight = None if weight is None else torch.tensor(weight)
    theirs = all_at_once(logits, labels, weight=weight, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad(3 * loss, logits)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", ["odd", "equal"])
def test_half_precision_logits_are_scored_in_full_precision(shape):
    logits, labels = make(shape, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        ours = CrossEntropyLoss(4)(logits, labels)
    theirs = all_at_once(logits, labels)
    assert ours.dtype == torch.float
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    ours, theirs = (torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs))
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=2**-7, atol=1e-6)  # the last bit of bfloat16


def test_without_gradient_the_sum_is_the_same():
    logits, labels = make("odd")
    with torch.no_grad():
        quiet = CrossEntropyLoss(4)(logits, labels)
    assert not quiet.requires_grad
    torch.testing.assert_close(quiet, CrossEntropyLoss(4)(logits, labels).detach())


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_several_sums_have_the_gradient_of_what_is_made_of_them(shape, align_corners):
    logits, labels = make(shape, dtype=torch.double)

    def terms(wide, labels):
        p = wide.softmax(dim=1)
        return torch.stack([p[:, 1].sum(), p.square().sum(), (p[:, 0] * labels).sum()])

    def of(sums):
        return sums[0] * sums[1] / (sums[2] + 1)

    wide = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=align_corners)
    ours, theirs = of(banded_sums(terms, logits, labels, align_corners=align_corners)), of(terms(wide, labels))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_map_has_the_labels_size(shape, align_corners):
    logits, labels = make(shape)
    ours = banded_map(lambda wide, labels: wide[:, 1] + labels, logits, labels, align_corners=align_corners)
    wide = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(ours, (wide[:, 1] + labels).detach(), rtol=1e-5, atol=1e-4)
    assert not ours.requires_grad


def test_maps_with_channels_are_cut_along_with_the_logits():
    logits, labels = make("odd", dtype=torch.double)
    weights = torch.rand(3, 4, *labels.shape[-2:], dtype=torch.double)
    ours = banded_sum(lambda wide, labels, weights: (wide * weights).sum(), logits, labels, weights)
    wide = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours, (wide * weights).sum())


def test_a_band_never_holds_more_than_it_may(monkeypatch):
    """The point of it all: what is of full size is cut."""
    seen = []
    monkeypatch.setattr(banded, "FEWEST_ROWS", 2)
    monkeypatch.setattr(banded, "floats_per_band", lambda device: 1000)
    logits, labels = make("eight times")
    banded_sum(lambda wide, labels: (seen.append(wide.shape), wide.sum())[1], logits, labels)
    assert max(shape.numel() for shape in seen) <= 1000
    assert sum(shape.numel() for shape in seen) == 4 * labels.numel()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # of the compiler's own doing
def test_a_compiled_model_may_contain_it():
    logits, labels = make("odd")
    criterion = build_criterion({"type": "CrossEntropyLoss"}, "loss", num_classes=4)

    def step(logits):
        return criterion(2 * logits, labels)["ce"]

    ours, theirs = torch.compile(step, backend="eager")(logits), step(logits)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits) for loss in (ours, theirs)))
