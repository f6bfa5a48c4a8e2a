"""Class maps of logits of the labels' size, as those of a U-Net: the way for any map finds the same."""

import pytest
import torch

from segbox.evaluation import full_size
from segbox.evaluation.score_map import LogitMap, ScoreMap, Window, WindowMap
from tests.evaluation.test_class_maps import agree


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_classes_are_those_of_argmax(dtype, layout, monkeypatch):
    monkeypatch.setattr(full_size, "floats_per_band", lambda device: 500)
    logits = torch.randn(2, 7, 33, 50).to(dtype, memory_format=layout).requires_grad_()
    assert torch.equal(LogitMap(logits).classes((33, 50)), logits.argmax(dim=1).to(torch.uint8))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_overlapping_windows_add_up_their_probabilities(layout, monkeypatch):
    monkeypatch.setattr(full_size, "floats_per_band", lambda device: 3000)
    parts = {(y, x): torch.randn(2, 7, 20, 24).to(memory_format=layout) for y in (0, 12, 17) for x in (0, 16, 26)}
    total = torch.zeros(2, 7, 37, 50, dtype=torch.double)
    for (y, x), own in parts.items():
        total[..., y : y + 20, x : x + 24] += own.double().softmax(dim=1)
    scores = WindowMap([Window(y, x, 20, 24, LogitMap(own)) for (y, x), own in parts.items()], 37, 50)
    agree(scores.classes((37, 50)), total)


@pytest.mark.parametrize("is_slide", [False, True])
def test_nan_takes_the_way_for_any_map(is_slide):
    logits = torch.randn(1, 4, 12, 16)
    logits[0, 2, 3, 3] = torch.nan
    scores = LogitMap(logits)
    if is_slide:
        scores = WindowMap([Window(0, x, 12, 12, LogitMap(logits[..., x : x + 12])) for x in (0, 4)], 12, 16)
    assert torch.equal(scores.classes((12, 16)), ScoreMap.classes(scores, (12, 16)))


def test_windows_may_reach_beyond_the_map_and_leave_gaps():
    """As in a band of a raster."""
    corners, size = [(-8, 0), (-8, 6), (5, 6), (-20, 0), (0, 25), (14, 0)], (10, 19)
    scores = WindowMap([Window(y, x, 12, 8, LogitMap(torch.randn(1, 5, 12, 8))) for y, x in corners], *size)
    found = scores.classes(size)
    assert torch.equal(found, ScoreMap.classes(scores, size)) and (found[0, 5:, :6] == 0).all()
    assert found[0, :4, :14].any() and found[0, 5:, 6:14].any()
