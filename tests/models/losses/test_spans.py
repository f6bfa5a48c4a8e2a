"""Rows of labels between rows of logits, and their exponentials."""

import pytest
import torch
import torch.nn.functional as F

from segbox.models.losses.spans import WIDEST, shifted, spans_of


@pytest.mark.parametrize(("source", "target"), [(4, 24), (7, 17), (5, 5), (1, 9)])
@pytest.mark.parametrize("align_corners", [False, True])
def test_exponentials_of_any_rows_do_not_vanish(source, target, align_corners):
    logits = torch.zeros(2, source, 1)
    logits[0, ::2] = logits[1, 1::2] = 1 - WIDEST
    small = shifted(logits)[1:-1].movedim(1, 0).double()[None]
    full = F.interpolate(small, (target, 1), mode="bilinear", align_corners=align_corners)
    expected = full[0].movedim(0, 1).exp()
    for begin in range(target):
        for end in range(begin + 1, target + 1):
            spans = spans_of(source, target, align_corners, torch.float32, (begin, end))
            found = spans.of_rows(spans.exponentials(spans.near(shifted(logits))))
            assert found.shape == (end - begin, 2, 1) and sum(spans.counts) == end - begin
            assert ((found / expected[begin:end]).double() - 1).abs().max() < 1e-3


def test_rows_between_evenly_spaced_ones_need_no_copy():
    spans = spans_of(8, 64, False, torch.float32, (14, 51))
    assert spans.counts == [6, 8, 8, 8, 7] and spans.places == slice(2, 39)
