"""Losses, which cut maps into bands and make their gradients as they go: the CPU's values and gradients."""

import pytest
import torch

from segbox.models.losses import banded
from segbox.registry import LOSSES

CASES = [
    *((dict(type=name), 5) for name in LOSSES if name != "BCEWithLogitsLoss"),
    *((dict(type=name), 2) for name in LOSSES),
    (dict(type="CrossEntropyLoss", class_weight=[1.0, 2.0, 0.5, 0.0, 1.0], label_smoothing=0.1), 5),
    (dict(type="CrossEntropyLoss", class_weight=[1.0, 2.0, 0.5, 3.0, 1.0], logit_adjustment=0.5), 5),
    (dict(type="OHEMCrossEntropyLoss", ratio=0.3), 5),
    (dict(type="OHEMThresholdCrossEntropyLoss", threshold=0.3, min_kept=100), 5),
    (dict(type="SoftCrossEntropyLoss", ohem_ratio=0.3), 5),
    (dict(type="BCEWithLogitsLoss", pos_weight=2.0, ohem_ratio=0.5), 2),
    (dict(type="DiceLoss", per_image=True, square=True), 5),
    (dict(type="LovaszLoss", stride=4), 5),
    (dict(type="LovaszLoss", form="hinge", per_image=True), 2),
]
every_loss = pytest.mark.parametrize(
    ("config", "classes"),
    CASES,
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else value,
)


def inputs(classes, scale=(20, 28)):
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(3, classes, *scale, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, classes, (3, 75, 110), dtype=torch.uint8, generator=generator)
    labels[:, :9] = 255
    return logits, labels


def value_and_gradient(config, classes, device, dtype=torch.float64, scale=(20, 28)):
    logits, labels = inputs(classes, scale)
    loss = LOSSES.build(config, num_classes=classes).to(device, torch.promote_types(dtype, torch.float32))
    own = logits.to(device, dtype).requires_grad_()
    with torch.autocast(device.type, dtype, dtype.itemsize == 2):
        value = loss(own, labels.to(device))
    value.backward()
    assert own.grad.dtype == dtype and value.dtype == torch.promote_types(dtype, torch.float32)
    return value.item(), own.grad.cpu().double()


@pytest.mark.parametrize("floats", [None, 5000])
@every_loss
def test_values_and_gradients_are_those_of_the_cpu(device, monkeypatch, config, classes, floats):
    """In one band, as the GPU takes so little at once, and in many."""
    expected, gradient = value_and_gradient(config, classes, torch.device("cpu"))
    if floats is not None:
        monkeypatch.setattr(banded, "floats_per_band", lambda device: floats)
    value, found = value_and_gradient(config, classes, device)
    assert value == pytest.approx(expected, rel=1e-10)
    torch.testing.assert_close(found, gradient, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@every_loss
def test_logits_of_half_precision_are_summed_in_full(device, config, classes, dtype):
    """Which pixels are the hardest may differ by a rounding, the loss hardly."""
    expected, gradient = value_and_gradient(config, classes, torch.device("cpu"))
    value, found = value_and_gradient(config, classes, device, dtype)
    assert value == pytest.approx(expected, rel=0.02)
    assert (found - gradient).norm() < 0.15 * gradient.norm()


@every_loss
def test_logits_of_the_labels_size(device, config, classes):
    expected, gradient = value_and_gradient(config, classes, torch.device("cpu"), scale=(75, 110))
    value, found = value_and_gradient(config, classes, device, scale=(75, 110))
    assert value == pytest.approx(expected, rel=1e-10)
    torch.testing.assert_close(found, gradient, rtol=1e-8, atol=1e-12)


@every_loss
def test_deterministic_algorithms_give_the_same_bits(device, config, classes):
    """PyTorch has none for grid_sample, which a stride takes: that is told (tests/engine/test_runner.py)."""
    from segbox.engine.devices import set_determinism

    if config.get("stride", 1) > 1:
        config = {**config, "stride": 1}
    set_determinism(True)
    first, second = (value_and_gradient(config, classes, device, torch.float32) for _ in range(2))
    assert first[0] == second[0] and torch.equal(first[1], second[1])
