"""Means over windows, against a loop over cells."""

import pytest
import torch

from segbox.models.heads.deeplab_v3 import DeepLabV3Head
from segbox.models.heads.deeplab_v3_plus import DeepLabV3PlusHead
from segbox.models.heads.lraspp_decoder import averages, averages_by_matrices
from segbox.models.layers.window_mean import WindowMean, means_by_matrices


def by_hand(x, window):
    """Each cell's window begins as far before it as a centred one, and is moved inside the map."""
    height, width = x.shape[-2:]
    h, w = min(window[0], height), min(window[1], width)
    out = torch.empty_like(x)
    for i in range(height):
        for j in range(width):
            top = min(max(i - (h - 1) // 2, 0), height - h)
            left = min(max(j - (w - 1) // 2, 0), width - w)
            out[..., i, j] = x[..., top : top + h, left : left + w].mean((-2, -1))
    return out


@pytest.mark.parametrize(("size", "window"), [((7, 9), (3, 4)), ((6, 5), (5, 8)), ((9, 4), (2, 4)), ((5, 6), (1, 1))])
def test_each_cell_has_the_mean_of_its_window(size, window):
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(WindowMean(window)(x), by_hand(x, window))
    torch.testing.assert_close(means_by_matrices(x, window), by_hand(x, window))  # what an exported file computes


@pytest.mark.parametrize("window", [(5, 6), (8, 6), (90, 90)])
def test_a_map_no_larger_than_the_window_has_one_mean(window):
    x = torch.randn(2, 3, 5, 6)
    torch.testing.assert_close(WindowMean(window)(x), x.mean((-2, -1), keepdim=True))


@pytest.mark.parametrize("head_type", [DeepLabV3Head, DeepLabV3PlusHead])
def test_heads_use_windows_only_on_images_that_are_larger(head_type):
    """The window is given in pixels: 48 x 80 are 3 x 5 cells of stride 16."""
    shape = dict(in_channels=(8, 16), in_strides=(4, 16), num_classes=4, channels=6)
    torch.manual_seed(0)
    plain = head_type(**shape).eval()
    windowed = head_type(**shape, image_window=(48, 80)).eval()
    windowed.load_state_dict(plain.state_dict())  # the same weights fit
    for cells, same in (((3, 5), True), ((2, 4), True), ((4, 5), False), ((3, 6), False)):
        features = torch.randn(1, 8, 4 * cells[0], 4 * cells[1]), torch.randn(1, 16, *cells)
        with torch.no_grad():
            assert torch.equal(plain(features), windowed(features)) == same
            expected = plain.pyramid.image[1](by_hand(features[1], (3, 5)))
            torch.testing.assert_close(
                windowed.pyramid.image(features[1]).expand_as(expected), expected, atol=1e-6, rtol=1e-5
            )


@pytest.mark.parametrize("size", [(30, 60), (49, 100), (90, 50)])
def test_the_averages_of_lraspp_by_matrices(size):
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(averages_by_matrices(x), averages(x))
