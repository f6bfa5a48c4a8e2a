"""Line charts as SVG: axes with round numbers, a legend, colours that follow light and dark mode."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segbox.viz.html_page import escape

WIDTH, HEIGHT = 370, 220  # of a chart, in its own units; the page scales it
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 24
COLOURS = ("var(--bar)", "var(--bar2)", "#35a27f", "#b85ac0", "#8a8f99", "#d2604f", "#57a9d9", "#9a8a2f")
MOST_POINTS = 400  # of a line: more than pixels would only make the page large

Points = Sequence[tuple[float, float]]
Scale = Callable[[float], float]


@dataclass(frozen=True)
class Line:
    """A named line of (step, value)."""

    name: str
    points: Points


def line_chart(title: str, lines: Sequence[Line], mark: tuple[float, str] | None = None, zero: bool = False) -> str:
    """A card with a chart; "" if no line has a point. `mark` is a step and the name of a vertical line at it.

    `zero`: the vertical axis begins at 0.
    """
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    across = scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    ticks = round_numbers(min(0.0, *ys) if zero else min(ys), max(ys))
    up = scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [horizontal(up(tick), number_text(tick)) for tick in ticks]
    steps = [tick for tick in round_numbers(min(xs), max(xs), 4) if min(xs) <= tick <= max(xs)]
    parts += [
        f'<text x="{across(tick):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{number_text(tick)}</text>'
        for tick in steps
    ]
    if mark is not None:
        parts.append(vertical(across(mark[0]), mark[1]))
    parts += [drawn(line, colour(i), across, up) for i, line in enumerate(lines)]
    picture = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
    return f'<div class="card"><b>{escape(title)}</b>{legend(lines)}{picture}</div>'


def legend(lines: Sequence[Line]) -> str:
    """The names of several lines, each with its last value."""
    names = "".join(
        f'<span><i class="chip" style="background:{colour(i)}"></i>{escape(line.name)}'
        f' <span class="soft">{number_text(line.points[-1][1], 3)}</span></span>'
        for i, line in enumerate(lines)
    )
    return f'<div class="legend">{names}</div>'


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def drawn(line: Line, stroke: str, across: Scale, up: Scale) -> str:
    """The line; a circle where it is a single point."""
    points = [(across(x), up(y)) for x, y in thinned(line.points)]
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" style="fill:{stroke}"/>'
    return f'<polyline points="{coordinates(points)}" style="stroke:{stroke}"/>'


def coordinates(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def thinned(points: Points) -> Points:
    """At most `MOST_POINTS` points: means of neighbours."""
    size = -(-len(points) // MOST_POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def spark_line(points: Points, low: float, high: float) -> str:
    """A small line without axes, from `low` to `high`."""
    if len(points) < 2:
        return ""
    across, up = scale(points[0][0], points[-1][0], 2, 88), scale(low, high, 18, 2)
    line = coordinates([(across(x), up(y)) for x, y in thinned(points)])
    return f'<svg class="spark" viewBox="0 0 90 20" aria-hidden="true"><polyline points="{line}"/></svg>'


def scale(low: float, high: float, first: float, last: float) -> Scale:
    """The function that maps low..high to first..last; a single value goes to the middle."""
    if high <= low:
        return lambda value: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def horizontal(y: float, text: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )


def vertical(x: float, text: str) -> str:
    side = "end" if x > WIDTH / 2 else "start"
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text x="{x + (-5 if side == "end" else 5):.1f}" y="{HEIGHT - BOTTOM - 6}" text-anchor="{side}">'
        f"{escape(text)}</text>"
    )


def round_numbers(low: float, high: float, about: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten that enclose low..high, about so many."""
    if high <= low:
        room = abs(low) / 2 or 1.0
        low, high = low - room, high + room
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [k * step for k in range(first, last + 1)]


def number_text(value: float, digits: int = 4) -> str:
    """Short: 0.002, 12.5, 3k, 1.5M, 2e-05."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e9):
        return f"{value:.{digits - 1}g}"
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.{digits}g}{unit}"
    return f"{value:.{digits}g}"
