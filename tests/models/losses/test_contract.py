"""What holds for every loss: ignored pixels are out of it, nothing to learn is zero, one channel is as good as two."""

import pytest
import torch
import torch.nn.functional as F

from segbox import IGNORE_INDEX
from segbox.errors import ConfigError
from segbox.models.layers import set_align_corners
from segbox.models.losses import banded
from segbox.registry import LOSSES

OPTIONS = {  # besides each loss as it comes
    "CrossEntropyLoss": [dict(class_weight=[0.5, 2.0], logit_adjustment=0.5), dict(label_smoothing=0.1)],
    "OHEMCrossEntropyLoss": [dict(ratio=0.3), dict(ratio=0.5, class_weight=[0.5, 2.0], label_smoothing=0.1)],
    "OHEMThresholdCrossEntropyLoss": [dict(threshold=0.3, min_kept=0.25), dict(min_kept=20, class_weight=[0.5, 2.0])],
    "BCEWithLogitsLoss": [dict(pos_weight=3.0, ohem_ratio=0.3)],
    "SoftCrossEntropyLoss": [dict(ohem_ratio=0.3, class_weight=[0.5, 2.0])],
    "DiceLoss": [dict(square=True, classes="all", per_image=True), dict(classes=[0, 1], class_weight=[2.0, 1.0])],
    "TverskyLoss": [dict(smooth=0.0, classes=[0, 1], per_image=True)],
    "FocalLoss": [dict(gamma=0.5, class_weight=[0.5, 2.0])],
    "LovaszLoss": [
        dict(form="hinge"),
        dict(per_image=True, classes="all"),
        dict(form="hinge", classes=[0, 1]),
        dict(stride=3),
        dict(form="hinge", stride=2, per_image=True),
    ],
    "BoundaryLoss": [dict(classes="all"), dict(classes=[0, 1])],
    "HausdorffLoss": [dict(classes="all", alpha=1.0), dict(classes=[0, 1])],
    "HuberLoss": [dict(delta=0.1)],
}
OF_PIXELS = [name for name in LOSSES if not getattr(LOSSES[name], "takes_masks", False)]
BINARY = [dict(type=name, **options) for name in OF_PIXELS for options in [{}, *OPTIONS.get(name, ())]]
MULTI = [dict(type=name) for name in OF_PIXELS if name != "BCEWithLogitsLoss"]
CASES = [(config, 2) for config in BINARY] + [(config, 5) for config in MULTI]


def title(value):
    return " ".join(str(v) for v in value.values()) if isinstance(value, dict) else None


every_loss = pytest.mark.parametrize(("config", "num_classes"), CASES, ids=title)


@pytest.fixture(autouse=True)
def thin_bands(monkeypatch):
    monkeypatch.setattr(banded, "FEWEST_ROWS", 3)
    monkeypatch.setattr(banded, "floats_per_band", lambda device: 1)


def make(num_classes, channels=None, size=(14, 11), dtype=torch.float):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, channels or num_classes, *size, generator=generator).mul(2).to(dtype)
    labels = torch.randint(0, num_classes, (2, 14, 11), generator=generator, dtype=torch.uint8)
    labels[torch.rand(labels.shape, generator=generator) < 0.3] = IGNORE_INDEX
    return logits.requires_grad_(), labels


def of(config, num_classes, logits, labels, **more):
    loss = LOSSES.build({**config, **more}, num_classes=num_classes)
    value = loss(logits, labels)
    assert value.shape == () and isinstance(loss.name, str)
    return value, torch.autograd.grad(value, logits)[0]


@every_loss
def test_ignored_pixels_have_no_gradient_and_no_influence(config, num_classes):
    logits, labels = make(num_classes)
    value, gradient = of(config, num_classes, logits, labels)
    ignored = (labels == IGNORE_INDEX)[:, None].expand_as(logits)
    assert not gradient[ignored].any() and gradient[~ignored].any()
    other = logits.detach().where(~ignored, 5 * torch.randn_like(logits)).requires_grad_()
    assert of(config, num_classes, other, labels)[0] == value


@every_loss
def test_all_ignored_is_zero_with_a_gradient(config, num_classes):
    logits, labels = make(num_classes, size=(4, 3))
    value, gradient = of(config, num_classes, logits, torch.full_like(labels, IGNORE_INDEX))
    assert value == 0
    assert gradient.shape == logits.shape and not gradient.any()


@every_loss
def test_another_ignored_id_is_the_same(config, num_classes):
    logits, labels = make(num_classes, size=(4, 3))
    signed = labels.long().where(labels != IGNORE_INDEX, -1)
    expected = of(config, num_classes, logits, labels)
    torch.testing.assert_close(of(config, num_classes, logits, signed, ignore_index=-1), expected)


@every_loss
def test_an_ignored_class_is_ignored(config, num_classes):
    """`ignore_index` may be an id that the logits have: background that is not to be learned."""
    logits, labels = make(num_classes)
    value, gradient = of(config, num_classes, logits, labels.where(labels != IGNORE_INDEX, 0), ignore_index=0)
    expected = of(config, num_classes, logits, labels.where(labels != 0, IGNORE_INDEX))
    torch.testing.assert_close((value, gradient), expected)


@pytest.mark.parametrize("align_corners", [False, True])
@every_loss
def test_small_logits_are_scored_as_if_resized(config, num_classes, align_corners):
    logits, labels = make(num_classes, size=(4, 3), dtype=torch.double)
    wide = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=align_corners)
    loss = LOSSES.build(config, num_classes=num_classes)
    value = loss(wide, labels)
    expected = value, torch.autograd.grad(value, logits)[0]
    set_align_corners(loss, align_corners)
    value = loss(logits, labels)
    found = value, torch.autograd.grad(value, logits)[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


@every_loss
def test_half_precision_makes_no_difference(config, num_classes):
    logits, labels = make(num_classes, size=(4, 3), dtype=torch.bfloat16)
    full = logits.detach().float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value, gradient = of(config, num_classes, logits, labels)
    assert value.dtype == torch.float and gradient.dtype == torch.bfloat16
    expected, expected_gradient = of(config, num_classes, full, labels)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.float(), expected_gradient, rtol=2**-7, atol=1e-5)


@pytest.mark.parametrize("config", BINARY, ids=title)
def test_one_channel_is_as_good_as_two(config):
    odds, labels = make(2, channels=1, size=(4, 3))
    value, gradient = of(config, 2, odds, labels)
    both = torch.cat([0.3 * torch.ones_like(odds), odds.detach() + 0.3], dim=1).requires_grad_()
    expected, expected_gradient = of(config, 2, both, labels)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient[:, 1:])


@every_loss
def test_gradients_are_those_of_small_steps(config, num_classes):
    logits, labels = make(num_classes, size=(2, 2), dtype=torch.double)
    loss = LOSSES.build(config, num_classes=num_classes)
    labels = labels[:, :5, :4]
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), logits, eps=1e-6, atol=1e-5, fast_mode=True)


@every_loss
def test_a_perfect_guess_is_better_than_a_wrong_one(config, num_classes):
    _, labels = make(num_classes)
    truth = F.one_hot(labels.long() % num_classes, num_classes).movedim(-1, 1).float()
    values = [of(config, num_classes, sign * 8 * truth.clone().requires_grad_(), labels)[0] for sign in (1, -1)]
    assert values[0] < values[1]


@every_loss
def test_logits_of_other_channels_are_refused(config, num_classes):
    logits, labels = make(num_classes, channels=3)
    with pytest.raises(ValueError, match="logits of 3 channel"):
        of(config, num_classes, logits, labels)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(type="CrossEntropyLoss", class_weight=[1.0]), "1 numbers for 5 classes"),
        (dict(type="CrossEntropyLoss", class_weight="auto"), "takes numbers, one for each of 5"),
        (dict(type="CrossEntropyLoss", class_weight=[1.0, 1.0, 1.0, 1.0, -1.0]), "0 or more"),
        (dict(type="CrossEntropyLoss", class_weight=[0.0] * 5), "not all of them 0"),
        (dict(type="CrossEntropyLoss", label_smoothing=1.0), "label_smoothing=1.0"),
        (dict(type="CrossEntropyLoss", logit_adjustment=1.5), "logit_adjustment=1.5: expected a number from 0 to 1"),
        (dict(type="OHEMCrossEntropyLoss", ratio=0.0), "ratio of hard pixels is 0.0"),
        (dict(type="OHEMCrossEntropyLoss", ratio=1.5), "ratio of hard pixels is 1.5"),
        (dict(type="OHEMThresholdCrossEntropyLoss", threshold=0.0), "threshold=0.0"),
        (dict(type="OHEMThresholdCrossEntropyLoss", min_kept=1.5), "min_kept=1.5"),
        (dict(type="BCEWithLogitsLoss"), "for 2 classes, and there are 5"),
        (dict(type="SoftCrossEntropyLoss", ohem_ratio=-0.5), "ratio of hard pixels is -0.5"),
        (dict(type="DiceLoss", classes="some"), 'expected "present", "all", or ids from 0 to 4'),
        (dict(type="DiceLoss", classes=[5]), "ids from 0 to 4"),
        (dict(type="DiceLoss", classes=[3], class_weight=[1.0] * 5), r"classes=\[3\] is one class"),
        (dict(type="DiceLoss", smooth=-1.0), "smooth=-1.0"),
        (dict(type="TverskyLoss", alpha=-1.0), "alpha=-1.0"),
        (dict(type="FocalLoss", gamma=-1.0), "gamma=-1.0"),
        (dict(type="LovaszLoss", form="hinge"), "for 2 classes, and there are 5"),
        (dict(type="LovaszLoss", form="soft"), 'expected "softmax" or "hinge"'),
        (dict(type="LovaszLoss", stride=0), "expected a number of pixels"),
    ],
    ids=lambda value: None,
)
def test_arguments_that_make_no_sense_are_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        LOSSES.build(config, num_classes=5)


@pytest.mark.parametrize("name", ["DiceLoss", "TverskyLoss", "LovaszLoss"])
def test_weights_of_two_classes_of_which_one_counts_are_refused(name):
    with pytest.raises(ConfigError, match=r"would change nothing, as classes='present' is one class here"):
        LOSSES.build(dict(type=name, class_weight=[0.5, 2.0]), num_classes=2)
    LOSSES.build(dict(type=name, class_weight=[0.5, 2.0], classes=[0, 1]), num_classes=2)


@pytest.mark.parametrize("name", ["OHEMCrossEntropyLoss", "BCEWithLogitsLoss", "SoftCrossEntropyLoss"])
def test_the_ratio_of_hard_pixels_can_be_changed(name):
    logits, labels = make(2, size=(4, 3))
    loss = LOSSES.build(dict(type=name), num_classes=2)
    values = []
    for ratio in (1.0, 0.5, 0.1):
        loss.set_ohem_ratio(ratio)
        values.append(loss(logits, labels).item())
    assert values == sorted(values) and values[0] < values[1] < values[2]
    with pytest.raises(ValueError, match="above 0, up to 1"):
        loss.set_ohem_ratio(0)


@every_loss
def test_extreme_logits_stay_finite(config, num_classes):
    logits, labels = make(num_classes)
    for scale in (1e4, 0.0):
        value, gradient = of(config, num_classes, (scale * logits.detach()).requires_grad_(), labels)
        assert torch.isfinite(value) and torch.isfinite(gradient).all()
