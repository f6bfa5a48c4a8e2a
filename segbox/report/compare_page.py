"""A comparison as one HTML page that loads nothing."""

from collections.abc import Iterator, Sequence

from segbox.evaluation.score_table import percent
from segbox.evaluation.uncertainty import Difference, Interval
from segbox.report.compare import Comparison, repeats_texts, signed, verdict
from segbox.report.compare_text import limits
from segbox.viz.html_page import SORT, escape, page

STYLE = """
td:first-child, th:first-child { text-align: left; } th:nth-child(2), td:nth-child(2) { text-align: right; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 110px; max-width: 280px; }
td.drawn { width: 34%; min-width: 150px; padding: 0 10px; }
td.drawn svg { display: block; width: 100%; height: 22px; }
.zero { stroke: var(--soft); } .whisker { stroke: var(--text); stroke-width: 1.5; }
.up, .down { opacity: .65; } .up { fill: var(--good); } .down { fill: var(--bad); }
.open { fill: var(--soft); opacity: .45; } .own { fill: var(--bar); }
.verdicts { display: grid; gap: 10px; margin: 18px 0 0; padding: 0; list-style: none; }
.verdicts .card { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: baseline; overflow-wrap: anywhere; }
.verdicts .pill { font-size: 13px; } .none-shown { color: var(--soft); background: var(--ground); }
ul.plain { margin: 8px 0 0; padding-left: 20px; overflow-wrap: anywhere; }
tr.first td:first-child { font-weight: 600; }
@media print { body { background: none; } .card { break-inside: avoid-page; } }
"""
HOW_TO_READ = (
    "The interval of a score holds 95 % of the scores on other sets of as many images, drawn from these with"
    " replacement (bootstrap). Differences are of the same sets for both runs. Where 0 lies outside of the interval of"
    " a difference, its bar is coloured: chance alone rarely makes such a difference. Of twenty classes without any"
    " difference, one is coloured all the same. Images that are alike, such as frames of a video, make intervals too"
    " narrow, and other seeds of the same training differ too."
)


def comparison_page(found: Comparison) -> str:
    """Verdicts, the table of runs, the differences of the classes, configs, notes."""
    title = f"Comparison of {len(found.runs)} runs"
    parts = [
        f'<header><div><h1>{title}</h1><div class="soft">on the same {found.images} images;'
        f" all against <b>{escape(found.names[0])}</b></div></div></header>",
        f'<ul class="verdicts">{"".join(verdict_items(found))}</ul>',
        f'<h2>Scores</h2><div class="card wide">{run_table(found)}</div>',
    ]
    for number, name in enumerate(found.names[1:], 1):
        parts += [
            f"<h2>IoU of each class: {escape(name)} against {escape(found.names[0])}</h2>",
            f'<div class="card wide">{class_table(found, number)}</div>',
        ]
    parts += ["<h2>Configs</h2>", *config_cards(found), "<h2>How to read this</h2>", f"<p>{HOW_TO_READ}</p>"]
    return page(title, "".join(parts), STYLE, SORT)


def verdict_items(found: Comparison) -> Iterator[str]:
    for number in range(1, len(found.runs)):
        own = found.differences[number - 1]["mIoU"]
        kind, word = ("none-shown", "no difference shown")
        if own.is_shown:
            kind, word = ("good", "better") if own.value > 0 else ("bad", "worse")
        yield f'<li class="card"><span class="pill {kind}">{word}</span> {escape(verdict(found, number))}</li>'
    for text in repeats_texts(found):
        yield f'<li class="card"><span class="pill none-shown">seeds</span> {escape(text)}</li>'
    for note in found.notes:
        yield f'<li class="card"><span class="pill note">note</span> {escape(note)}</li>'


def table(heads: Sequence[str], rows: Sequence[str]) -> str:
    """A head that is empty cannot be sorted by."""
    head = "".join(f"<th{' data-sort' if text else ''}>{escape(text)}</th>" for text in heads)
    return f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def run_table(found: Comparison) -> str:
    rows = []
    for number, (name, scores) in enumerate(zip(found.names, found.scores)):
        own = found.differences[number - 1]["mIoU"] if number else None
        cells = [f"<td>{escape(name)}</td>", score_cell(scores["mIoU"]), bar_cell(scores["mIoU"])]
        cells += [number_cell(scores["mIoU"].low, limits(scores["mIoU"])), score_cell(scores["aAcc"])]
        cells += [number_cell(0.0, "") if own is None else number_cell(own.value, signed(own.value))]
        rows.append(f"<tr{'' if number else ' class=first'}>{''.join(cells)}</tr>")
    return table(["run", "mIoU", "", "95 %", "aAcc", "mIoU against the first"], rows)


def class_table(found: Comparison, number: int) -> str:
    first, other, differences = found.scores[0], found.scores[number], found.differences[number - 1]
    scores = ["mIoU", *(f"IoU/{label}" for label in found.classes)]
    reach = max([abs(v) for name in scores for v in vars_of(differences[name]) if v == v] or [1.0]) or 1.0
    rows = []
    for name in scores:
        own, label = differences[name], name.removeprefix("IoU/") if name != "mIoU" else "mean (mIoU)"
        cells = [f"<td>{escape(label)}</td>", number_cell(own.value, signed(own.value)), difference_cell(own, reach)]
        cells += [number_cell(own.low, limits(own, signed)), score_cell(first[name]), score_cell(other[name])]
        rows.append(f"<tr{' class=first' if name == 'mIoU' else ''}>{''.join(cells)}</tr>")
    return table(["class", "difference", "", "95 %", found.names[0], found.names[number]], rows)


def vars_of(own: Interval) -> tuple[float, float, float]:
    return own.value, own.low, own.high


def score_cell(own: Interval) -> str:
    return number_cell(own.value, percent(own.value))


def number_cell(value: float, text: str) -> str:
    return f'<td data-v="{"" if value != value else f"{value:.4f}"}">{text}</td>'


def bar_cell(own: Interval) -> str:
    """A bar from 0 to 100, with the interval."""
    return drawn("" if own.value != own.value else rectangle(0, own.value, "own") + whisker(own.low, own.high))


def difference_cell(own: Difference, reach: float) -> str:
    """A bar from 0, which is in the middle, with the interval. `reach` is at the ends."""
    zero = '<line class="zero" x1="50" x2="50" y1="0" y2="22" vector-effect="non-scaling-stroke"/>'
    if own.value != own.value:
        return drawn(zero)
    value, low, high = (50 + 49 * part / reach for part in vars_of(own))
    kind = "open" if not own.is_shown else "up" if own.value > 0 else "down"
    return drawn(rectangle(min(50, value), max(50, value), kind) + zero + whisker(low, high))


def drawn(content: str) -> str:
    return f'<td class="drawn"><svg viewBox="0 0 100 22" preserveAspectRatio="none">{content}</svg></td>'


def rectangle(left: float, right: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{left:.2f}" y="6" width="{right - left:.2f}" height="10"/>'


def whisker(low: float, high: float) -> str:
    if low != low:
        return ""
    stroke = 'class="whisker" vector-effect="non-scaling-stroke"'
    ends = "".join(f'<line {stroke} x1="{x:.2f}" x2="{x:.2f}" y1="7" y2="15"/>' for x in (low, high))
    return f'<line {stroke} x1="{low:.2f}" x2="{high:.2f}" y1="11" y2="11"/>{ends}'


def config_cards(found: Comparison) -> Iterator[str]:
    for name, changes in zip(found.names[1:], found.config_changes):
        head = f"<b>{escape(found.names[0])} &rarr; {escape(name)}</b>"
        if changes is None:
            body = '<p class="soft">not known: there is no config.py beside both evaluations</p>'
        elif not changes:
            body = '<p class="soft">the same config</p>'
        else:
            body = f'<ul class="plain">{"".join(f"<li><code>{escape(change)}</code></li>" for change in changes)}</ul>'
        yield f'<div class="card" style="margin-bottom: 10px">{head}{body}</div>'
