"""The scores of each class as a table that can be sorted."""

from collections.abc import Mapping

import numpy as np

from segbox.evaluation.records import Evaluation
from segbox.report.chart import spark_line
from segbox.report.log_rows import LogRows, column
from segbox.report.numbers import percent_text, score_text
from segbox.viz.html_page import escape

HEAD = (  # title, what it means; the column of the bars has none
    ("id", ""),
    ("class", ""),
    ("", ""),
    ("IoU", "intersection over union, in percent"),
    ("95 %", "where the IoU lies with 95 % certainty: bootstrap over images"),
    ("recall", "part of the class's pixels that are predicted as it, in percent"),
    ("precision", "part of the pixels predicted as the class that are right, in percent"),
    ("truth", "part of the labelled pixels that are of the class, in percent"),
    ("predicted", "part of these pixels that are predicted as the class, in percent"),
    ("images", "images that contain the class"),
)
Interval = tuple[float, float]


def class_table(evaluation: Evaluation, intervals: Mapping[str, Interval], log: LogRows) -> str:
    """`intervals` are those of the classes' IoU, by their names."""
    lines = {name: column(log.evaluations, f"IoU/{name}") for name in evaluation.classes}
    has_lines = any(len(points) > 1 for points in lines.values())
    head = "".join(f'<th{" data-sort" if title else ""} title="{text}">{title}</th>' for title, text in HEAD)
    head += '<th class="curve" title="IoU at each evaluation, from 0 to 100">over the run</th>' if has_lines else ""
    _, targets, guesses = evaluation.tables()
    total = max(1, targets.sum())
    rows = []
    for i, name in enumerate(evaluation.classes):
        facts = (targets[:, i].sum() / total, guesses[:, i].sum() / total, int((targets[:, i] > 0).sum()))
        spark = f'<td class="curve">{spark_line(lines[name], 0, 100)}</td>' if has_lines else ""
        rows.append(class_row(evaluation, i, intervals.get(name), facts) + f"{spark}</tr>")
    return (
        f'<div class="card wide"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def class_row(evaluation: Evaluation, i: int, interval: Interval | None, facts: tuple[float, float, int]) -> str:
    """The row of class `i` without its end; `facts` are its shares in truth and prediction, and its images."""
    name, scores = evaluation.classes[i], evaluation.scores
    iou, recall, precision = (scores.get(f"{kind}/{name}", np.nan) for kind in ("IoU", "Recall", "Precision"))
    truth, predicted, images = facts
    between = "-" if interval is None else f"{interval[0]:.1f} to {interval[1]:.1f}"
    width = "" if interval is None else f"{interval[1] - interval[0]:.4g}"
    bar = f'<div class="bar" style="width:{max(iou, 0.5):.1f}%"></div>' if iou == iou else ""
    never = truth > 0 and not predicted
    cells = "".join(f'<td data-v="{number(value)}">{score_text(value)}</td>' for value in (recall, precision))
    return (
        f'<tr{" class=absent" if never else ""}><td data-v="{i}">{i}</td><td>{chip(evaluation, i)}</td>'
        f'<td class="bars">{bar}{whisker(interval)}</td><td data-v="{number(iou)}"><b>{score_text(iou)}</b></td>'
        f'<td data-v="{width}">{between}</td>{cells}'
        f'<td data-v="{truth:.6g}">{percent_text(truth)}</td><td data-v="{predicted:.6g}">'
        f'{"never" if never else percent_text(predicted)}</td><td data-v="{images}">{images:,}</td>'
    )


def whisker(interval: Interval | None) -> str:
    """The interval below the bar, on its scale."""
    if interval is None:
        return ""
    low, high = interval
    return f'<div class="whisker" style="margin-left:{low:.1f}%;width:{max(high - low, 0.4):.1f}%"></div>'


def number(value: float) -> str:
    return "" if value != value else f"{value:.4f}"


def chip(evaluation: Evaluation, i: int) -> str:
    """The class's name behind its colour."""
    colour = "#" + "".join(f"{int(c):02x}" for c in evaluation.palette[i])
    name = escape(evaluation.classes[i])
    return f'<span class="name"><span class="chip" style="background:{colour}"></span>{name}</span>'
