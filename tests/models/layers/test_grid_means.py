"""Means over coarse grids, against a loop over cells."""

import pytest
import torch
import torch.nn.functional as F

from segbox.models.layers.grid_means import grid_means

GRIDS = (1, 2, 3, 6)


def by_hand(x, n):
    height, width = x.shape[-2:]
    out = torch.empty(*x.shape[:2], n, n)
    for i in range(n):
        for j in range(n):
            rows = slice(i * height // n, ((i + 1) * height + n - 1) // n)
            columns = slice(j * width // n, ((j + 1) * width + n - 1) // n)
            out[..., i, j] = x[..., rows, columns].mean((2, 3))
    return out


@pytest.mark.parametrize("size", [(12, 18), (7, 9), (4, 13), (1, 2)])
def test_each_cell_has_its_mean(size):
    x = torch.randn(2, 3, *size)
    for n, means in zip(GRIDS, grid_means(x, GRIDS), strict=True):
        torch.testing.assert_close(means, by_hand(x, n), rtol=0, atol=1e-6)
        torch.testing.assert_close(means, F.adaptive_avg_pool2d(x, n), rtol=0, atol=1e-6)


def test_the_gradient_is_that_of_pooling():
    x = torch.randn(2, 3, 7, 9, requires_grad=True)
    factors = [torch.randn(2, 3, n, n) for n in GRIDS]
    ours = sum((f * means).sum() for f, means in zip(factors, grid_means(x, GRIDS)))
    theirs = sum((f * F.adaptive_avg_pool2d(x, n)).sum() for f, n in zip(factors, GRIDS))
    for a, b in zip(torch.autograd.grad(ours, x), torch.autograd.grad(theirs, x)):
        torch.testing.assert_close(a, b)


def test_sums_are_in_float32_and_the_type_stays():
    x = 100 + torch.randn(1, 2, 40, 40, dtype=torch.float16)  # the sum of a map would be infinite
    for n, means in zip(GRIDS, grid_means(x, GRIDS)):
        assert means.dtype == torch.float16
        torch.testing.assert_close(means, F.adaptive_avg_pool2d(x.float(), n).half())


@pytest.mark.skipif(not hasattr(torch.export.Dim, "DYNAMIC"), reason="needs PyTorch 2.6")
@pytest.mark.slow
def test_the_sizes_stay_free_in_an_exported_program():
    class Means(torch.nn.Module):
        def forward(self, x):
            return grid_means(x, GRIDS)

    free = torch.export.Dim.DYNAMIC
    program = torch.export.export(Means(), (torch.randn(1, 2, 9, 11),), dynamic_shapes=({2: free, 3: free},))
    x = torch.randn(1, 2, 23, 5)
    for n, means in zip(GRIDS, program.module()(x)):
        torch.testing.assert_close(means, by_hand(x, n), rtol=0, atol=1e-6)
