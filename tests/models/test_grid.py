"""Every backbone with every head: what is registered is tested.

All heads are tried with a ResNet, and all backbones with a head that reads all maps; the other pairs are slow tests.
That a head takes maps of any strides is tested in test_heads_contract.py, the sizes of the maps in test_backbones.py.
"""

import pytest
import torch

from segbox.registry import BACKBONES, HEADS
from tests.tiny import HEADS_OF_MAPS, random_batch, tiny_model


def pair(backbone: str, head: str):
    is_quick = backbone == "ResNet" or head == "UNetHead" or head not in HEADS_OF_MAPS
    return pytest.param(backbone, head, marks=[] if is_quick else [pytest.mark.slow])


def fitting(head: str) -> list[str]:
    return list(BACKBONES) if head in HEADS_OF_MAPS else ["Timm"]


@pytest.mark.parametrize(("backbone", "head"), [pair(backbone, head) for head in HEADS for backbone in fitting(head)])
def test_every_combination_trains(backbone, head):
    torch.manual_seed(0)
    model = tiny_model(backbone, head)
    images, labels = random_batch(2, 33, 47, num_classes=5, ignored_rows=5)
    sum(model(images, labels).values()).backward()
    assert not [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    model.eval()
    with torch.no_grad():
        assert model(random_batch(1, 70, 65, 5)[0]).shape == (1, 5, 70, 65)
