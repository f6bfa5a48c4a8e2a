"""Strides traded for dilation."""

import pytest

from segbox.models.layers import stage_ends, trade_strides


@pytest.mark.parametrize(
    ("output_stride", "expected"),
    [
        (32, [(4, 1), (1, 1), (2, 1), (2, 1), (1, 1), (2, 1), (1, 1)]),
        (16, [(4, 1), (1, 1), (2, 1), (2, 1), (1, 1), (1, 1), (1, 2)]),
        (8, [(4, 1), (1, 1), (2, 1), (1, 1), (1, 2), (1, 2), (1, 4)]),
    ],
)
def test_trade_strides(output_stride, expected):
    assert trade_strides([4, 1, 2, 2, 1, 2, 1], output_stride) == expected


def test_other_output_strides_are_refused():
    with pytest.raises(ValueError, match="8, 16, 32"):
        trade_strides([2], 4)


def test_stage_ends():
    assert stage_ends([2, 1, 2, 2, 1, 1]) == [1, 2, 5]
