"""Problems of the ids in masks: unknown, missing, or all ignored."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from segbox import IGNORE_INDEX
from segbox.doctor.file_problems import is_jpeg
from segbox.doctor.problem import SHOWN, Problem, counted, problem_of_pairs
from segbox.doctor.scan import Pair, Scan
from segbox.doctor.summary import class_counts


def label_problems(name: str, scan: Scan, classes: Sequence[str]) -> list[Problem]:
    """All problems of this kind in one split."""
    if any(is_jpeg(pair.label_path) for pair in scan.pairs):
        return []  # JPEG changes the ids, so nothing reliable can be said
    is_binary = _is_black_and_white(scan)
    found = list(_unknown_ids(name, scan, classes))
    if is_binary:
        found.append(_black_and_white(name, scan, classes))
    return [*found, *_all_ignored(name, scan), *_absent(name, scan, classes, is_binary)]


def _unknown_ids(name: str, scan: Scan, classes: Sequence[str]) -> Iterable[Problem]:
    total: Counter = Counter()
    masks: Counter = Counter()

    def unknown(pair: Pair, table: np.ndarray) -> dict[int, int]:
        if pair.mask.kind != "ids":
            return {}
        return {i: n for i, n in pair.mask.ids.items() if len(classes) <= table[i] < IGNORE_INDEX}

    for pair, table in zip(scan.pairs, scan.label_tables):
        bad = unknown(pair, table)
        total.update(bad)
        masks.update(bad.keys())
    shown = ", ".join(
        f"{i} ({counted(masks[i], 'mask')}, {counted(n, 'pixel')})" for i, n in sorted(total.items())[:SHOWN]
    )
    more = f", ... ({len(total)} ids in all)" if len(total) > SHOWN else ""
    known = f"0 to {len(classes) - 1}" if len(classes) > 1 else "0"
    yield from problem_of_pairs(
        scan,
        lambda pair, table: ", ".join(f"{i} ({n:,} pixels)" for i, n in unknown(pair, table).items()),
        lambda pair: pair.label_path,
        Problem(
            "unknown id",
            name,
            f"{{files}} with ids that are no class: {shown}{more}. Valid are {known}, and {IGNORE_INDEX} for ignored",
            _advice_on_ids(scan, sorted(total), len(classes)),
        ),
        "mask",
    )


def _advice_on_ids(scan: Scan, unknown: list[int], num_classes: int) -> str:
    present = ids_in(scan) - {IGNORE_INDEX}
    if unknown == [num_classes] and 0 not in present:
        pairs = ", ".join(f"{i}: {i - 1}" for i in range(1, min(num_classes, 3) + 1))
        more = ", ..." if num_classes > 3 else ""
        return f"The ids start at 1: label_map={{{pairs}{more}}} makes them start at 0."
    first = unknown[0] if unknown else 0
    if unknown == [num_classes]:
        return (
            f"There is one more id than classes. If {first} means unlabelled: label_map={{{first}: {IGNORE_INDEX}}}."
            f" If 0 means unlabelled: label_map={{0: {IGNORE_INDEX}, 1: 0, 2: 1, ...}}. Otherwise a name is missing."
        )
    return f"Add the missing classes, or map the ids: label_map={{{first}: {IGNORE_INDEX}}} ignores id {first}."


def ids_in(scan: Scan) -> set[int]:
    """All values that occur in the mask files."""
    return set().union(*(pair.mask.ids for pair in scan.pairs if pair.mask.kind == "ids"))


def _is_black_and_white(scan: Scan) -> bool:
    is_ignored = all(table[0] != IGNORE_INDEX and table[IGNORE_INDEX] == IGNORE_INDEX for table in scan.label_tables)
    return is_ignored and ids_in(scan) == {0, IGNORE_INDEX}


def _black_and_white(name: str, scan: Scan, classes: Sequence[str]) -> Problem:
    second = f"{classes[1]!r}" if len(classes) > 1 else "the second class"
    has = [i for i, pair in enumerate(scan.pairs) if IGNORE_INDEX in pair.mask.ids]
    return Problem(
        "only 0 and 255",
        name,
        f"the masks hold only 0 and 255. 255 means ignored, so {second} would never be learned: a model that predicts"
        f" {classes[0]!r} everywhere would score 100 %",
        "label_map={255: 1} in the data set makes 255 class 1; {255: 255} confirms that it means ignored.",
        [scan.pairs[i].label_path for i in has],
        [f"{scan.pairs[i].mask.ids[IGNORE_INDEX]:,} pixels are 255" for i in has],
        has,
    )


def _all_ignored(name: str, scan: Scan) -> Iterable[Problem]:
    def describe(pair: Pair, table: np.ndarray) -> str:
        counts = class_counts(pair.mask, table)
        return "every pixel is ignored" if counts.any() and not counts[:IGNORE_INDEX].any() else ""

    yield from problem_of_pairs(
        scan,
        describe,
        lambda pair: pair.label_path,
        Problem(
            "nothing labelled",
            name,
            "{files} where every pixel is ignored: nothing can be learned from them",
            "Label them, or remove them from the split.",
        ),
        "mask",
    )


def _absent(name: str, scan: Scan, classes: Sequence[str], is_binary: bool) -> Iterable[Problem]:
    if not any(pair.mask.kind == "ids" for pair in scan.pairs):
        return
    counts = sum(class_counts(pair.mask, table) for pair, table in zip(scan.pairs, scan.label_tables))
    absent = [i for i, count in enumerate(counts[: len(classes)]) if not count and not (is_binary and i == 1)]
    if absent:
        shown = ", ".join(f"{i} {classes[i]}" for i in absent[:12]) + (", ..." if len(absent) > 12 else "")
        consequence = "be learned" if name != "val" else "be scored, and the mean scores leave them out"
        yield Problem(
            "absent class",
            name,
            f"{len(absent)} of {len(classes)} classes never occur: {shown}. They cannot {consequence}",
            "Compare the order of `classes` with the ids in the masks, and check how the splits were made.",
        )
