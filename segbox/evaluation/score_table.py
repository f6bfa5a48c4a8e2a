"""Tables of scores for the terminal and the log."""

from collections.abc import Mapping, Sequence

from terminaltables import AsciiTable

from segbox.evaluation.metric_set import EXTRA

# metric -> (its columns per class, its means); any other metric is one number of its own name
METRICS = {
    "mIoU": (("IoU", "Acc"), ("aAcc", "mIoU", "mAcc")),
    "mDice": (("Dice", "Acc"), ("aAcc", "mDice", "mAcc")),
    "mFscore": (("Fscore", "Precision", "Recall"), ("aAcc", "mFscore", "mPrecision", "mRecall")),
    "mBIoU": (("BIoU",), ("mBIoU",)),
}


def score_table(scores: Mapping[str, float], classes: Sequence[str], metrics: Sequence[str] | None = None) -> str:
    """A row per class, then the means. A class that does not occur has a dash.

    The default `metrics` are mIoU and the extra metrics that were scored.
    """
    if metrics is None:
        metrics = ("mIoU", *(name for name in EXTRA if name in scores))
    shown = [METRICS.get(metric, ((), (metric,))) for metric in metrics]
    columns = list(dict.fromkeys(column for of_class, _ in shown for column in of_class))
    means = list(dict.fromkeys(mean for _, of_all in shown for mean in of_all))
    summary = right_aligned([means, [percent(scores[mean]) for mean in means]], first=0)
    if not columns:
        return summary
    rows = [["class", *columns]]
    rows += [[name, *(percent(scores[f"{column}/{name}"]) for column in columns)] for name in classes]
    return f"{right_aligned(rows)}\n{summary}"


def percent(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"


def right_aligned(rows: list[list[str]], first: int = 1) -> str:
    """A table with the columns from `first` on aligned to the right."""
    table = AsciiTable(rows)
    table.justify_columns = dict.fromkeys(range(first, len(rows[0])), "right")
    return table.table
