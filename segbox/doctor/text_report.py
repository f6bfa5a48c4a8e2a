"""The report of a check as text for a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from terminaltables import AsciiTable

from segbox.config import shorten
from segbox.doctor.problem import Problem
from segbox.doctor.report import Report, class_fractions
from segbox.doctor.summary import SplitSummary, rounded
from segbox.errors import printable

FILES = 5  # how many files of a problem are listed; --json and --html list all


def check_text(report: Report, weights: Mapping[str, np.ndarray], closing: bool = True) -> str:
    """Splits, classes, then problems with advice. With `closing`, a last line says if there are none."""
    parts = [printable(report.title), *(_split_text(split) for split in report.splits.values())]
    if report.splits:
        parts += ["", class_table(report, weights), *_channel_lines(report)]
    errors, notes = report.errors, report.notes
    for title, problems in (("problem", errors), ("note", notes)):
        if problems:
            parts += ["", f"{len(problems)} {title}{'s' if len(problems) > 1 else ''}"]
            parts += [_problem_text(number, problem) for number, problem in enumerate(problems, 1)]
    if closing and not errors:
        parts += ["", "No problems: ready to train."]
    return "\n".join(parts)


def _split_text(split: SplitSummary) -> str:
    images = f"{split.images:,} images" + (f" of {split.files:,} files" if split.files != split.images else "")
    bits = ", ".join(str(n) for n, _ in split.bits.most_common()) or "?"
    channels = ", ".join(str(n) for n, _ in split.channels.most_common()) or "?"
    every = split.labelled + split.ignored
    ignored = f"{100 * split.ignored / max(every, 1):.2f} % of the pixels ignored"
    return f"  {split.name:<6} {images}, {sizes_text(split)}, {channels} channels of {bits} bits, {ignored}"


def sizes_text(split: SplitSummary) -> str:
    """The size, or how many sizes there are, with the smallest and largest."""
    sizes = list(split.sizes)
    if len(sizes) <= 1:
        return f"{sizes[0][0]}x{sizes[0][1]}" if sizes else "no size"
    heights, widths = sorted(h for h, _ in sizes), sorted(w for _, w in sizes)
    return f"{len(sizes)} sizes from {heights[0]}x{widths[0]} to {heights[-1]}x{widths[-1]}"


def class_table(report: Report, weights: Mapping[str, np.ndarray]) -> str:
    """One row per class: percentage of pixels and number of images in each split, and class weights."""
    splits = report.splits.values()
    rows = [["id", "class", *(h for s in splits for h in (f"{s.name} %", "images")), *weights]]
    fractions = {split.name: class_fractions(split) for split in splits}
    for i, name in enumerate(report.classes):
        row = [str(i), printable(name)]
        for split in splits:
            occurs = split.images_with[i] > 0
            row += [
                percent_text(fractions[split.name][i]) if occurs else "-",
                f"{split.images_with[i]:,}" if occurs else "-",
            ]
        rows.append(row + [f"{values[i]:.3g}" if values[i] else "-" for values in weights.values()])
    table = AsciiTable(rows)
    table.justify_columns = dict.fromkeys((0, *range(2, len(rows[0]))), "right")
    return table.table


def percent_text(fraction: float) -> str:
    percent = 100 * fraction
    return f"{percent:.2f}" if percent >= 0.01 else f"{percent:.0e}"


def _channel_lines(report: Report) -> Iterable[str]:
    split = next(iter(report.splits.values()))
    if split.sizes:
        largest = f", largest value {split.largest:g}" if split.read_bits > 8 else ""
        yield f"Channels of {split.name}: mean={rounded(split.mean)}, std={rounded(split.std)}{largest}"
    if split.labelled:
        yield f"Percentages are of the pixels that are not ignored; class weights are computed from {split.name}"


def _problem_text(number: int, problem: Problem) -> str:
    lines = [f"{number:>3}. {problem.split}: {printable(problem.message)}"]
    details: Sequence[str] = problem.details or [""] * len(problem.files)
    shown = zip(problem.files[:FILES], details)
    lines += [printable(f"       {shorten(Path(file))}{f': {detail}' if detail else ''}") for file, detail in shown]
    if len(problem.files) > FILES:
        lines.append(f"       ... and {len(problem.files) - FILES:,} more")
    return "\n".join([*lines, f"     -> {printable(problem.advice)}"])
