"""Nothing of a model stays on the CPU when it moves to a GPU: tried without one, on tensors without numbers."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from segbox.registry import BACKBONES, HEADS
from tests.tiny import tiny_model

MODELS = [("ResNet", head) for head in HEADS] + [(name, "LinearHead") for name in BACKBONES if name != "ResNet"]


def on_a_gpu(model: nn.Module) -> nn.Module:
    """Parameters and buffers, as `.to("cuda")` moves them; whatever else the model holds stays."""
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, value in tensors.items():
                if value is not None:
                    other = torch.empty(tuple(value.shape), dtype=value.dtype, device="cuda")
                    tensors[name] = nn.Parameter(other) if isinstance(value, nn.Parameter) else other
    return model


def logits(model: nn.Module) -> torch.Tensor:
    with FakeTensorMode():
        return on_a_gpu(model)(torch.empty(2, 3, 64, 96, dtype=torch.uint8, device="cuda"))


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "head"), MODELS)
def test_all_of_a_model_moves(backbone, head):
    assert logits(tiny_model(backbone, head)).device.type == "cuda"


def test_a_tensor_that_stays_behind_is_noticed():
    model = tiny_model("ResNet", "LinearHead")
    assert logits(model).device.type == "cuda"
    mean = torch.zeros(3, 1, 1)
    del model.mean
    model.mean = mean
    with pytest.raises(Exception, match="cuda"):
        logits(model)
