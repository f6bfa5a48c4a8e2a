"""Every part computes on a GPU what it computes on the CPU, and holds nothing that stays behind on the CPU."""

import copy

import pytest
import torch

from segbox.models.layers.drop_path import DropPath
from segbox.registry import BACKBONES, HEADS
from tests.tiny import random_batch, tiny_model

MODELS = [("ResNet", head) for head in HEADS] + [(name, "LinearHead") for name in BACKBONES if name != "ResNet"]


def losses_and_gradients(model, device, dtype=None, layout=torch.contiguous_format):
    """On the CPU, of a copy on the device, which is left in training; dropout is off."""
    model = copy.deepcopy(model).to(device, memory_format=layout)
    for module in model.modules():
        if isinstance(module, (torch.nn.modules.dropout._DropoutNd, DropPath)):
            module.eval()
    images, labels = (each.to(device) for each in random_batch(2, 64, 96, num_classes=5, ignored_rows=5))
    with torch.autocast(device.type, dtype, dtype is not None):
        losses = model(images.contiguous(memory_format=layout), labels)
    sum(losses.values()).backward()
    gradients = {k: p.grad.cpu() for k, p in model.named_parameters() if p.requires_grad}
    return {k: v.item() for k, v in losses.items()}, gradients


def built(backbone, head, **model):
    torch.manual_seed(0)
    try:
        return tiny_model(backbone, head, **model)
    except (ImportError, OSError) as error:
        pytest.skip(f"{backbone}: {error}")


def same_on_both(model, device, layout=torch.contiguous_format):
    model = model.double()
    losses, gradients = losses_and_gradients(model, torch.device("cpu"))
    found, found_gradients = losses_and_gradients(model, device, layout=layout)
    assert found == pytest.approx(losses, rel=1e-9)
    scale = max(gradient.abs().max().item() for gradient in gradients.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(found_gradients[name], gradient, rtol=1e-6, atol=1e-7 * scale, msg=name)


@pytest.mark.parametrize(("backbone", "head"), MODELS)
def test_losses_and_gradients_are_those_of_the_cpu(device, backbone, head):
    same_on_both(built(backbone, head), device)


@pytest.mark.parametrize(("backbone", "head"), [("ResNet", "PSPHead"), ("MixTransformer", "SegFormerHead")])
def test_channels_last_changes_nothing(device, backbone, head):
    same_on_both(built(backbone, head), device, torch.channels_last)


@pytest.mark.parametrize(("neck", "head"), [("FPN", "FPNHead"), ("JPU", "LinearHead")])
def test_necks_too(device, neck, head):
    same_on_both(built("ResNet", head, neck=dict(type=neck)), device)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("backbone", "head"), MODELS)
def test_half_precision_is_near(device, backbone, head, dtype):
    """Nothing that half precision cannot hold; gradients of fp16 may overflow without the scaler, losses may not."""
    model = built(backbone, head)
    losses, _ = losses_and_gradients(model, torch.device("cpu"))
    found, gradients = losses_and_gradients(model, device, dtype)
    assert found == pytest.approx(losses, rel=0.1, abs=0.02)
    assert all(gradient.dtype == torch.float32 for gradient in gradients.values())
