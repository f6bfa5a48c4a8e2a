"""Strides traded for dilation."""

import pytest

from segbox.models.layers import stage_ends, trade_strides
from segbox.models.layers.dilation import plan_blocks


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


PLAIN = [(1, 1), (1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (2, 1), (1, 1)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (dict(output_stride=32), PLAIN),
        (dict(output_stride=8), [*PLAIN[:4], (1, 1), (1, 2), (1, 2), (1, 4)]),
        (dict(output_stride=8, dilations=(1, 1, 2, 4)), [*PLAIN[:4], (1, 1), (1, 2), (1, 2), (1, 4)]),
        (dict(output_stride=32, dilations=(1, 1, 2, 4)), [*PLAIN[:4], (2, 1), (1, 2), (2, 2), (1, 4)]),
        (dict(output_stride=16, multi_grid=(3, 5)), [*PLAIN[:4], (2, 1), (1, 1), (1, 3), (1, 5)]),
    ],
)
def test_plan_of_two_blocks_per_stage(options, expected):
    assert plan_blocks((2, 2, 2, 2), **options) == expected


def test_a_plan_for_other_stages_or_blocks_is_refused():
    with pytest.raises(ValueError, match=r"dilations \(1, 2\): expected one for each of the 4 stages"):
        plan_blocks((2, 2, 2, 2), 8, dilations=(1, 2))
    with pytest.raises(ValueError, match=r"multi_grid \(1, 2, 4\): expected 2, one for each block"):
        plan_blocks((2, 2, 2, 2), 8, multi_grid=(1, 2, 4))


def test_stage_ends():
    assert stage_ends([2, 1, 2, 2, 1, 1]) == [1, 2, 5]
