"""`torch.compile` of a model with each head: a step and a prediction are the plain ones."""

import copy
import logging
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from segbox.registry import HEADS
from tests.tiny import BODIES, random_batch, tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the compiler has warnings of its own


class Strided(nn.Module):
    """Maps of a backbone's channels and strides, by a convolution each: a backbone takes longer to compile."""

    def __init__(self, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(3, c, s, stride=s) for c, s in zip(channels, strides, strict=True))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(of_map(images) for of_map in self.maps)


def small(head: str) -> nn.Module:
    torch.manual_seed(0)
    model = tiny_model(head=head)
    if head not in BODIES:
        model.backbone = Strided(model.backbone.channels, model.backbone.strides)
    return model.double()


def step(forward: nn.Module, model: nn.Module, size: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Losses and gradients; dropout and points are the same with each call."""
    torch.manual_seed(1)
    model.zero_grad()
    losses = forward(*random_batch(2, size, size, num_classes=5))
    sum(losses.values()).backward()
    return losses, {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A compiler that begins anew, whose trace is not logged: pytest would keep all of it."""
    monkeypatch.setattr(logging.getLogger("torch.__trace"), "disabled", True)
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("head", list(HEADS))
def test_a_compiled_model_is_the_plain_one(head):
    """Traced, and run without generated code. The graph breaks at the criterion alone."""
    plain = small(head).train()
    model = copy.deepcopy(plain)
    compiled = torch.compile(model, backend="eager")
    torch.testing.assert_close(step(compiled, model, 64), step(plain, plain, 64))
    images = random_batch(1, 64, 64, num_classes=5)[0]
    with torch.no_grad():
        torch.testing.assert_close(compiled.eval()(images), plain.eval()(images))
    assert all("Criterion.forward" in reason for reason in counters["graph_break"]), counters["graph_break"]


def test_of_many_sizes_the_second_is_the_last_that_is_compiled():
    model, graphs = small("FCNHead").train(), []
    compiled = torch.compile(model, backend="eager")
    for size in (64, 96, 80, 72):
        step(compiled, model, size)
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[0] < graphs[1] == graphs[2] == graphs[3]
