"""Sliding windows of whatever size over images of whatever size."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from segbox.evaluation.inference import slide, starts, whole_image

SIDES = st.integers(1, 40)


@st.composite
def windows(draw):
    side = draw(SIDES)
    return side, draw(st.integers(1, side))


@given(st.integers(1, 300), windows())
def test_windows_cover_everything_and_nothing_else(length, window):
    size, stride = window
    size = min(size, length)
    begins = starts(length, size, min(stride, size))
    assert begins[0] == 0 and begins[-1] + size == length and begins == sorted(set(begins))
    assert all(later - earlier <= stride for earlier, later in zip(begins, begins[1:]))


@given(SIDES, SIDES, windows(), windows(), st.integers(1, 5), st.integers(1, 2))
def test_sliding_a_pointwise_model_changes_nothing(height, width, rows, columns, windows_per_batch, count):
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 1).eval()
    images = torch.rand(count, 3, height, width)
    (window_h, stride_h), (window_w, stride_w) = rows, columns
    with torch.no_grad():
        expected = whole_image(model)(images).probabilities((height, width))
        predict = slide(whole_image(model), (window_h, window_w), (stride_h, stride_w), windows_per_batch)
        found = predict(images).probabilities((height, width))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
