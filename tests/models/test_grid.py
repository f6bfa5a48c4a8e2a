"""Every backbone with every head: what is registered is tested."""

import pytest
import torch

from segbox.registry import BACKBONES, HEADS
from tests.tiny import random_batch, tiny_model


@pytest.mark.parametrize("head", list(HEADS))
@pytest.mark.parametrize("backbone", list(BACKBONES))
def test_every_combination_trains(backbone, head):
    torch.manual_seed(0)
    model = tiny_model(backbone, head)
    images, labels = random_batch(2, 33, 47, num_classes=5, ignored_rows=5)
    sum(model(images, labels).values()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]
    model.eval()
    with torch.no_grad():
        assert model(random_batch(1, 70, 65, 5)[0]).shape == (1, 5, 70, 65)
