"""Charts: round axes, points at the right places, lines that stay small."""

import re

import pytest

from segbox.report.chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Line,
    line_chart,
    number_text,
    round_numbers,
    spark_line,
    thinned,
)


@pytest.mark.parametrize(
    "low, high, expected",
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.3, 2.8, [0, 0.5, 1, 1.5, 2, 2.5, 3]), (14, 66, [0, 20, 40, 60, 80])],
)
def test_axes_have_round_numbers_around_the_values(low, high, expected):
    assert round_numbers(low, high) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0, 7, -3, 1e-9])
def test_a_single_value_is_inside_its_axis(value):
    ticks = round_numbers(value, value)
    assert ticks[0] <= value <= ticks[-1] and 2 < len(ticks) < 12


def test_points_are_where_they_belong():
    text = line_chart("a", [Line("x", [(0, 0.0), (50, 2.0), (100, 4.0)])])
    found = [tuple(map(float, point.split(","))) for point in re.search('points="([^"]*)"', text)[1].split()]
    middle = ((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)
    assert found == [(LEFT, HEIGHT - BOTTOM), middle, (WIDTH - RIGHT, TOP)]


def test_names_are_escaped_and_lines_without_points_left_out():
    text = line_chart("<b>", [Line("<i>", [(1, 2.0)]), Line("none", [])], mark=(1, "<u>"))
    assert "<i>" not in text and "<u>" not in text and "none" not in text and text.count("<circle") == 1
    assert line_chart("a", [Line("none", [])]) == "" and spark_line([(1, 2.0)], 0, 1) == ""


def test_many_points_become_few():
    points = thinned([(step, float(step)) for step in range(1, 100_001)])
    assert len(points) == 400 and points[-1] == (100_000, pytest.approx(99_875.5))


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (0.002, "0.002"), (2e-5, "2e-05"), (1500, "1.5k"), (360, "360"), (2.5e6, "2.5M")]
)
def test_numbers_are_short(value, text):
    assert number_text(value) == text
