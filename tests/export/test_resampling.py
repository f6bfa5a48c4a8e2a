"""Antialiased resizing by matrices is PyTorch's."""

import pytest
import torch
import torch.nn.functional as F

from segbox.export.resampling import resized


@pytest.mark.parametrize("size", [(7, 5), (3, 14), (16, 9), (37, 37), (2, 3)])
def test_it_is_that_of_pytorch(size):
    x = torch.randn(2, 3, 7, 11)
    expected = F.interpolate(x, size, mode="bicubic", antialias=True)
    torch.testing.assert_close(resized(x, size, False), expected, rtol=0, atol=1e-5)
