"""The page of a run: scores first, then what to do about them, then everything behind them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segbox.evaluation.records import Evaluation
from segbox.evaluation.uncertainty import drawn
from segbox.report.advice import Advice, Facts, advice, shared_by_check
from segbox.report.boundaries import BANDS, Boundaries
from segbox.report.chart import Line, line_chart
from segbox.report.class_table import Interval, chip, class_table
from segbox.report.confusion import MOST_WITH_NUMBERS, matrix, mistake_table, mistakes
from segbox.report.examples import Again, Example, addresses
from segbox.report.log_rows import LogRows, column
from segbox.report.numbers import count_text, percent_text, score_text
from segbox.report.run import Run
from segbox.report.setup_cards import again, cards
from segbox.report.style import SCRIPT, STYLE
from segbox.viz.html_page import SORT, escape, page

VIEWS = ("image", "truth", "prediction", "errors")
MEANS = ("mIoU", "mAcc", "aAcc", "mBIoU", "imageIoU")  # in the curves, where they were scored
NOT_LOSSES = {
    *("step", "loss", "lr", "data_seconds", "step_seconds", "images_per_second", "memory_mb", "skipped_steps"),
}
MOST_IN_LEGEND = 30  # classes
MOST_LOSSES = 6  # named losses in the chart


@dataclass(frozen=True)
class Findings:
    """What was computed for the page beside the run itself. `note` tells what is wrong with the pictures."""

    intervals: Mapping[str, Interval] = field(default_factory=dict)  # by score: mIoU, aAcc, IoU/road
    again: Again | None = None
    parameters: int | None = None
    note: str = ""


def report_page(run: Run, found: Findings) -> str:
    kind = "Training" if run.is_training else "Test"
    head = f'<header><div><h1>{escape(run.name)}</h1><div class="soft">{kind}{when(run)}</div></div></header>'
    parts = [head, headline(run, found), *advice_section(run, found)]
    if run.evaluation is not None:
        parts += score_sections(run, found)
    parts += [*curve_section(run), "<h2>The run</h2>", cards(run, found.parameters), *ending(run)]
    return page(f"{run.name}: report", "".join(parts), STYLE, SCRIPT + SORT)


def when(run: Run) -> str:
    return f", started {escape(str(run.starts[0].get('started', '')))}" if run.starts else ""


def headline(run: Run, found: Findings) -> str:
    """The score with its interval, and the other means."""
    evaluation = run.evaluation
    if evaluation is None:
        return '<div class="verdict"><span class="soft">No evaluation yet: this run has no scores.</span></div>'
    scores = evaluation.scores
    interval = between(found.intervals.get("mIoU"), evaluation)
    others = " · ".join(f"{name} {score_text(scores[name])}" for name in MEANS[1:] if name in scores)
    lines = [f'<div class="verdict"><b>{score_text(scores["mIoU"])}</b><span><b style="font-size:18px">mIoU</b>']
    lines.append(f' <span class="soft">{interval}</span><br><span class="soft">{others}</span></span></div>')
    return "".join([*lines, f'<p class="soft">{checkpoint_text(run)}</p>'])


def between(interval: Interval | None, evaluation: Evaluation) -> str:
    if interval is None:
        images = len(evaluation.images)
        return f"on {images:,} image{'s' if images != 1 else ''}"
    low, high = interval
    return f"95 % between {low:.1f} and {high:.1f} (bootstrap over {drawn(evaluation)})"


def checkpoint_text(run: Run) -> str:
    evaluation, best = run.evaluation, run.best
    step = "" if evaluation.step is None else f", step {evaluation.step:,}"
    text = f"Scores of <code>{escape(evaluation.checkpoint)}</code>{step}."
    if best is not None and best.step != evaluation.step:
        text += (
            f" The best evaluation of the run, mIoU {score_text(best.scores['mIoU'])} at step {best.step:,}, is kept as"
            f" <code>{escape(best.checkpoint)}</code>; it was chosen on these images, which makes its score a little"
            " too good."
        )
    return text


def advice_section(run: Run, found: Findings) -> Iterator[str]:
    if run.evaluation is None:
        return
    curve = column(run.log.evaluations, "mIoU")
    interval, shared = found.intervals.get("mIoU"), shared_by_check(run.check)
    boundaries, train = (None, None) if found.again is None else (found.again.boundaries, found.again.train)
    weighted = has_class_weights(run.config)
    losses = column(run.log.steps, "loss")
    masks = predicts_masks(run.config)
    tips = advice(Facts(run.evaluation, "mIoU", interval, curve, losses, boundaries, train, weighted, masks, shared))
    if tips:
        yield "<h2>What to try next</h2>"
        yield f'<div class="cards">{"".join(map(advice_card, tips))}</div>'


def has_class_weights(config: Mapping[str, Any] | None) -> bool:
    """Whether a loss of the decode head weighs classes."""
    losses = decode_head(config).get("loss")
    every = [losses] if isinstance(losses, Mapping) else losses or ()
    return any(isinstance(loss, Mapping) and loss.get("class_weight") is not None for loss in every)


def predicts_masks(config: Mapping[str, Any] | None) -> bool:
    """Whether the decode head classifies masks, not pixels."""
    from segbox.models.heads.mask_head import MaskHead
    from segbox.registry import HEADS

    kind = decode_head(config).get("type")
    return kind in HEADS and issubclass(HEADS[kind], MaskHead)


def decode_head(config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    head = (config or {}).get("model", {}).get("decode_head")
    return head if isinstance(head, Mapping) else {}


def advice_card(tip: Advice) -> str:
    what = "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(escape(tip.what).split("`")))
    return f'<div class="card advice"><b>{escape(tip.title)}</b><p>{escape(tip.why)}</p><p>{what}</p></div>'


def score_sections(run: Run, found: Findings) -> Iterator[str]:
    evaluation = run.evaluation
    intervals = {name[4:]: own for name, own in found.intervals.items() if name.startswith("IoU/")}
    yield "<h2>Classes</h2>"
    yield class_table(evaluation, intervals, run.log)
    counts = evaluation.counts()
    taken = mistakes(counts)
    if taken:
        yield "<h2>What is taken for what</h2>"
        hint = "Rows: truth. Columns: prediction. Numbers: percent of the row."
        is_far = len(evaluation.classes) > MOST_WITH_NUMBERS  # its cells are often out of the window
        told = f'<div class="told soft{" far" if is_far else ""}">{hint}</div>'
        yield f'<div class="side"><div class="card">{matrix(counts, evaluation.classes)}{told}</div>'
        yield f"{mistake_table(taken, evaluation.classes)}</div>"
    if found.note:
        yield f'<h2>Images</h2><div class="card soft">{escape(found.note)}</div>'
    if found.again is not None:
        yield from example_sections(evaluation, found.again)
        if found.again.boundaries.pixels.any():
            yield "<h2>How far from boundaries the errors are</h2>"
            yield boundary_card(found.again.boundaries)


def example_sections(evaluation: Evaluation, found: Again) -> Iterator[str]:
    shown = [*found.worst, *found.best]
    pictures = dict(zip((example.path for example in shown), addresses(shown)))
    for title, examples in (("Worst images", found.worst), ("Best images", found.best)):
        if examples:
            yield f"<h2>{title}</h2>"
            if examples is found.worst:
                yield colours(evaluation) + for_all()
            yield f'<div class="cases">{"".join(case(e, pictures[e.path]) for e in examples)}</div>'


def colours(evaluation: Evaluation) -> str:
    """The colours of the classes; many are folded away."""
    names = "".join(chip(evaluation, i) for i in range(len(evaluation.classes)))
    legend = f'<div class="legend">{names}</div>'
    if len(evaluation.classes) <= MOST_IN_LEGEND:
        return legend
    return f"<details><summary>Colours of the classes</summary>{legend}</details>"


def for_all() -> str:
    buttons = "".join(f"<button type=button>{view}</button>" for view in VIEWS)
    return f'<div class="slider all"><div><span class="soft">all:</span>{buttons}</div></div>'


def case(example: Example, pictures: Sequence[str]) -> str:
    """One image; without the script, its four pictures are side by side."""
    views = "".join(
        f'<span class="view"><img alt="{view}" src="{picture}"><small>{view}</small></span>'
        for view, picture in zip(VIEWS, pictures)
    )
    buttons = "".join(f"<button type=button>{view}</button>" for view in VIEWS)
    slider = f'<input type=range min=0 max=3 step=0.01 aria-label="from image to errors"><div>{buttons}</div>'
    name = escape(Path(example.path).name)
    return (
        f'<figure class="case"><div class="views">{views}</div><div class="slider">{slider}</div>'
        f"<figcaption><span>{name}</span><b>IoU {example.iou:.1f}</b></figcaption></figure>"
    )


def boundary_card(found: Boundaries) -> str:
    """A row per band: the part of its pixels that is wrong, and its part of all wrong pixels."""
    pixels, wrong = found.pixels.sum(1), found.wrong.sum(1)
    rows = ""
    for i, band in enumerate(BANDS):
        rate, part = wrong[i] / max(1, pixels[i]), wrong[i] / max(1, wrong.sum())
        rows += (
            f'<tr><td>{band} pixels</td><td class="bars"><div class="bar second" style="width:{100 * rate:.1f}%"></div>'
            f"</td><td><b>{percent_text(rate)}</b></td><td>{percent_text(part)}</td>"
            f'<td class="soft">{count_text(int(wrong[i]))}</td></tr>'
        )
    head = "<tr><th></th><th></th><th>% wrong</th><th>% of all errors</th><th>wrong pixels</th></tr>"
    note = f"Distance of a pixel to the nearest boundary of the labels, in {found.images:,} images."
    table = f'<div class="wide"><table class="bands"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    return f'<div class="card">{table}<div class="soft">{note}</div></div>'


def curve_section(run: Run) -> Iterator[str]:
    mark = None if run.best is None or run.best.step is None else (run.best.step, "best")
    charts = [
        line_chart("Loss", losses(run.log)),
        line_chart("Scores", [Line(name, column(run.log.evaluations, name)) for name in MEANS], mark),
        line_chart("Learning rate", [Line("learning rate", column(run.log.steps, "lr"))], zero=True),
    ]
    if any(charts):
        yield f'<h2>Curves</h2><div class="cards three">{"".join(charts)}</div>'


def losses(log: LogRows) -> list[Line]:
    """The sum, and its parts where there are several."""
    parts = list(dict.fromkeys(name for row in log.steps for name in row if name not in NOT_LOSSES))
    names = ["loss", *(parts[:MOST_LOSSES] if len(parts) > 1 else [])]
    return [Line(name, column(log.steps, name)) for name in names]


def ending(run: Run) -> Iterator[str]:
    """The config, and the commands."""
    text = run.config_text()
    yield f"<h2>Make it again</h2>{again(run)}"
    if text:
        lines = "\n".join(map(escape, text.splitlines()))
        folded = f"<details><summary>The whole config</summary><pre>{lines}</pre></details>"
        yield f'<div class="card" style="margin-top:14px">{folded}</div>'
