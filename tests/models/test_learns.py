"""Pairs of backbone and head that nobody chose by hand learn the generated shapes."""

import random

import pytest
import torch

from segbox.data.loader import build_dataset, train_loader
from segbox.registry import BACKBONES, HEADS
from tests.tiny import tiny_model

SLOW = ("UNet", "UNetEncoder")  # maps of stride 1: attention on them takes a minute
PAIRS = random.Random(20261120).sample([(body, head) for body in BACKBONES if body not in SLOW for head in HEADS], 3)


@pytest.mark.parametrize(  # the first matches masks in each step, which takes seven times as long
    ("backbone", "head"), [pytest.param(*pair, marks=[] if pair == PAIRS[1] else [pytest.mark.slow]) for pair in PAIRS]
)
def test_fifty_steps_lower_the_loss(backbone, head):
    torch.manual_seed(0)
    pipeline = [dict(type="RandomCrop", size=(40, 48)), dict(type="RandomFlip")]
    shapes = build_dataset(dict(type="ShapesDataset", num_images=8, size=(40, 48), pipeline=pipeline))
    model = tiny_model(backbone, head, num_classes=len(shapes.classes))
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _, batch in zip(range(50), train_loader(shapes, 4, seed=0)):
        loss = sum(model(batch["images"], batch["labels"]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
