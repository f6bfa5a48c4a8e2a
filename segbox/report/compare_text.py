"""A comparison as text for the terminal, and as plain values for JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from segbox.evaluation.score_table import percent, right_aligned
from segbox.evaluation.uncertainty import Difference, Interval
from segbox.report.compare import Comparison, repeats_texts, signed, verdict

MOST_CHANGES = 15  # of a config that are listed


def comparison_text(found: Comparison) -> str:
    star = f"* 0 lies outside of the 95 % interval of the difference to {found.names[0]}"
    notes = [f"note: {note}" for note in found.notes]
    return "\n".join([run_table(found), *sentences(found), class_table(found), star, *config_lines(found), *notes])


def run_table(found: Comparison) -> str:
    """A row per run."""
    rows = [["run", "mIoU", "95 %", "aAcc", "95 %", "mIoU against the first", "95 %"]]
    for number, (name, scores) in enumerate(zip(found.names, found.scores)):
        row = [name]
        for score in ("mIoU", "aAcc"):
            row += [percent(scores[score].value), limits(scores[score])]
        own = found.differences[number - 1]["mIoU"] if number else None
        rows.append([*row, *(("", "") if own is None else (signed(own.value), limits(own, signed)))])
    return right_aligned(rows)


def class_table(found: Comparison) -> str:
    """A row per class: the IoU of the first run, then of each other one with its difference."""
    rows = [["IoU", found.names[0]]]
    for name in found.names[1:]:
        rows[0] += [name, "difference"]
    for label in found.classes:
        score = f"IoU/{label}"
        row = [label, percent(found.scores[0][score].value)]
        for scores, differences in zip(found.scores[1:], found.differences):
            row += [percent(scores[score].value), marked(differences[score])]
        rows.append(row)
    return right_aligned(rows)


def marked(own: Difference) -> str:
    return f"{signed(own.value)}{' *' if own.is_shown else '  '}"


def limits(own: Interval, form=percent) -> str:
    return "-" if own.low != own.low else f"{form(own.low)} to {form(own.high)}"


def sentences(found: Comparison) -> Iterator[str]:
    for number in range(1, len(found.runs)):
        yield verdict(found, number)
    yield from repeats_texts(found)


def config_lines(found: Comparison) -> Iterator[str]:
    for name, changes in zip(found.names[1:], found.config_changes):
        if changes is None:
            yield f"config of {name} against {found.names[0]}: unknown, there is no config.py beside both"
        elif not changes:
            yield f"config of {name}: as of {found.names[0]}"
        else:
            more = len(changes) - MOST_CHANGES
            shown = [*changes[:MOST_CHANGES], *([f"and {more} more (--json FILE has all)"] if more > 0 else [])]
            yield f"config of {found.names[0]} -> {name}:\n" + "\n".join(f"  {change}" for change in shown)


def as_json(found: Comparison) -> dict[str, Any]:
    """Plain values. Numbers that are not known are None."""
    runs = []
    for number, (run, scores) in enumerate(zip(found.runs, found.scores)):
        own = {"name": run.name, "file": str(run.file), "protocol": run.evaluation.protocol}
        own |= {"checkpoint": run.evaluation.checkpoint, "step": run.evaluation.step, "scores": plain(scores)}
        if number:
            own["differences"] = plain(found.differences[number - 1])
            own["verdict"] = verdict(found, number)
            own["config_changes"] = found.config_changes[number - 1]
        runs.append(own)
    repeats = [{**asdict(own), "runs": [found.names[i] for i in own.runs]} for own in found.repeats]
    return {"images": found.images, "runs": runs, "repeats": repeats, "notes": list(found.notes)}


def plain(scores: dict[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {
        name: {key: None if value != value else round(value, 4) for key, value in asdict(own).items()}
        for name, own in scores.items()
    }
