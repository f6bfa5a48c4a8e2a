"""What is taken for what: the confusion matrix as SVG, and the most frequent mistakes in words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segbox.report.numbers import count_text, percent_text
from segbox.viz.html_page import escape

SIDES = ((12, 36), (30, 27), (255, 10))  # (classes, at most; side of a cell)
MOST_WITH_NUMBERS = 30  # classes: with more, the cells are too small for numbers
LEVELS = 12  # strengths of the colours
LEAST = 0.0005  # a smaller fraction of the class has no colour
NAME = 24  # characters of a class beside the matrix; the whole name is in the text of a cell
MISTAKES = 10  # in words
MOSTLY = 0.25  # of a class: a mistake that is told however rare the class is


@dataclass(frozen=True)
class Mistake:
    """Pixels of one class that were taken for another."""

    target: int
    guess: int
    pixels: int
    of_class: float  # fraction of the pixels of its class
    of_wrong: float  # fraction of all wrong pixels


def mistakes(counts: np.ndarray) -> list[Mistake]:
    """The most frequent mistakes first: those with the most pixels, and those that take much of a rare class."""
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    total, of_class = wrong.sum(), counts.sum(1)
    found = [
        Mistake(int(t), int(g), int(wrong[t, g]), wrong[t, g] / of_class[t], wrong[t, g] / total)
        for t, g in zip(*wrong.nonzero())
    ]
    found.sort(key=lambda mistake: (-mistake.pixels, mistake.target, mistake.guess))
    rare = [mistake for mistake in found[MISTAKES:] if mistake.of_class >= MOSTLY]
    return found[:MISTAKES] + rare[:MISTAKES]


def mistake_table(found: Sequence[Mistake], classes: Sequence[str]) -> str:
    """A row per mistake, in words."""
    head = "<tr><th>mistake</th><th data-sort>% of the class</th><th data-sort>% of all errors</th>"
    rows = "".join(
        f"<tr><td><b>{escape(classes[m.target])}</b> is taken for <b>{escape(classes[m.guess])}</b></td>"
        f'<td data-v="{m.of_class:.6g}">{percent_text(m.of_class)}</td>'
        f'<td data-v="{m.of_wrong:.6g}">{percent_text(m.of_wrong)}</td>'
        f'<td data-v="{m.pixels}" class="soft">{count_text(m.pixels)}</td></tr>'
        for m in found
    )
    head += "<th data-sort>pixels</th></tr>"
    table = f'<table class="sortable"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f'<div class="card wide mistakes">{table}</div>'


def matrix(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Rows are true classes, columns predicted ones; a cell's strength is the square root of its part of the row."""
    side = next(size for most, size in SIDES if len(classes) <= most)
    names = [name if len(name) <= NAME else f"{name[: NAME - 1]}…" for name in classes]
    font = min(12, side)
    margin = round(0.58 * font * max(map(len, names))) + 12
    fractions = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = side * len(classes)
    labels = "".join(
        f'<text x="-7" y="{(i + 0.5) * side + 0.36 * font:.1f}" text-anchor="end">{escape(name)}</text>'
        f'<text transform="translate({(i + 0.5) * side + 0.36 * font:.1f} -7) rotate(-90)">{escape(name)}</text>'
        for i, name in enumerate(names)
    )
    lines = "".join(f"M0 {k * side}H{size}M{k * side} 0V{size}" for k in range(len(classes) + 1))
    width, height = margin + size + 2, margin + size + 2
    return (
        f'<div class="wide"><svg class="matrix" viewBox="{-margin} {-margin} {width} {height}" width="{width}"'
        f' height="{height}" style="font-size:{font}px" data-side="{side}" role="img" aria-label="confusion matrix">'
        f'{coloured(fractions, side)}<path class="lines" d="{lines}"/>{numbers(fractions, side)}{labels}'
        f'<rect class="here" width="{side}" height="{side}" visibility="hidden"/></svg></div>{data(counts, classes)}'
    )


def coloured(fractions: np.ndarray, side: int) -> str:
    """One path for all cells of a strength."""
    strengths = np.ceil(np.sqrt(fractions) * LEVELS).astype(int)
    strengths[fractions < LEAST] = 0
    right = np.eye(len(fractions), dtype=bool)
    parts = []
    for kind, where in (("right", right), ("wrong", ~right)):
        for level in range(1, LEVELS + 1):
            cells = np.argwhere((strengths == level) & where)
            path = "".join(f"M{column * side} {row * side}h{side}v{side}h-{side}z" for row, column in cells)
            if path:
                parts.append(f'<path class="{kind}" fill-opacity="{level / LEVELS:.2f}" d="{path}"/>')
    return "".join(parts)


def numbers(fractions: np.ndarray, side: int) -> str:
    """Percentages of 0.5 and more, where cells are large enough."""
    if len(fractions) > MOST_WITH_NUMBERS:
        return ""
    return "".join(
        f'<text x="{(column + 0.5) * side}" y="{(row + 0.5) * side + 4}" text-anchor="middle"'
        f"{' class=on' if fractions[row, column] > 0.3 else ''}>{100 * fractions[row, column]:.0f}</text>"
        for row, column in np.argwhere(fractions >= 0.005)
    )


def data(counts: np.ndarray, classes: Sequence[str]) -> str:
    """The numbers for the script that shows a cell's text."""
    rows, columns = counts.nonzero()
    content = {
        "classes": [escape(name) for name in classes],
        "pairs": [[int(r), int(c), int(counts[r, c])] for r, c in zip(rows, columns)],
    }
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="counts">{text}</script>'
