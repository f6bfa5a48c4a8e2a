"""Maps at points, with and without algorithms that give the same bits each time."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from segbox.models.layers.points import sampled
from segbox.registry import LOSSES
from tests.tiny import random_batch, tiny_model


@pytest.fixture
def deterministic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As with `train.deterministic`; on a GPU, grid_sample would raise an error with its gradient."""

    def refused(*args, **kwargs):
        raise RuntimeError("grid_sampler_2d_backward_cuda does not have a deterministic implementation")

    monkeypatch.setattr(F, "grid_sample", refused)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("align_corners", [False, True])
def test_sampled_points_are_those_of_grid_sample(align_corners, deterministic, monkeypatch):
    maps = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    points = (torch.rand(2, 40, 2, dtype=torch.float64) * 1.4 - 0.2).requires_grad_()  # some are outside
    inputs, weights = (maps, points), torch.randn(2, 3, 40, dtype=torch.float64)
    found = sampled(points, maps, align_corners)
    gradients = torch.autograd.grad((found * weights).sum(), inputs)
    monkeypatch.undo()
    expected = F.grid_sample(maps, 2 * points[:, None] - 1, align_corners=align_corners)[:, :, 0]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients, torch.autograd.grad((expected * weights).sum(), inputs))


def test_parts_that_sample_can_be_deterministic(deterministic):
    model = tiny_model(head="Mask2FormerHead").train()
    sum(model(*random_batch(2, 32, 32, num_classes=5)).values()).backward()
    logits, labels = torch.randn(2, 5, 8, 8, requires_grad=True), torch.randint(5, (2, 32, 32))
    LOSSES.build(dict(type="LovaszLoss", stride=3), num_classes=5)(logits, labels).backward()
