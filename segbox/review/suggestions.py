"""Which unlabelled pictures to label next: look through all, choose, and say why."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segbox.errors import DataError, UserError
from segbox.evaluation.predictor import Predictor
from segbox.review.choice import choose
from segbox.review.uncertainty import Doubt, Looker

FORMATS = (".txt", ".csv", ".json")
COLUMNS = ("rank", "image", "uncertainty", "unsure_share", "class", "other_class", "reason")


@dataclass(frozen=True, slots=True)
class Suggestion:
    path: Path
    doubt: Doubt

    def reason(self, classes: Sequence[str]) -> str:
        if self.doubt.between is None:
            return "sure everywhere, but unlike the others"
        one, other = (classes[own] for own in self.doubt.between)
        return f"unsure in {percent(self.doubt.share)} of the image, most often between {one} and {other}"


def percent(share: float) -> str:
    return "less than 1 %" if share < 0.01 else f"{round(100 * share)} %"


def suggest(
    predictor: Predictor, images: Sequence[Path], count: int, on_image: Callable[[int, str], None]
) -> tuple[list[Suggestion], list[str]]:
    """The pictures to label, the most useful first, and the errors of those that cannot be read."""
    look = Looker(predictor)
    seen: list[tuple[Path, Doubt]] = []
    features: list[np.ndarray] = []
    failures = []
    for done, path in enumerate(images, 1):
        try:
            doubt, own = look(path)
        except DataError as error:
            failures.append(str(error) if str(path) in str(error) else f"{path}: {error}")
        else:
            seen.append((path, doubt))
            features.append(own)
        on_image(done, path.name)
    if not seen:
        raise DataError("\n  ".join(["none of the pictures can be read:", *failures]))
    uncertainty = np.array([doubt.uncertainty for _, doubt in seen])
    return [Suggestion(*seen[index]) for index in choose(np.stack(features), uncertainty, count)], failures


def check_format(file: str) -> None:
    if Path(file).suffix not in FORMATS:
        raise UserError(f"--out {file}: the list is written as {', '.join(FORMATS)}")


def as_text(suggestions: Sequence[Suggestion], classes: Sequence[str], suffix: str) -> str:
    """The content of a file with this suffix. `.txt` has the names alone, one a line."""
    if suffix == ".txt":
        return "".join(f"{own.path}\n" for own in suggestions)
    rows = [dict(zip(COLUMNS, row(number, own, classes))) for number, own in enumerate(suggestions, 1)]
    if suffix == ".json":
        return json.dumps(rows, indent=1)
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def row(number: int, own: Suggestion, classes: Sequence[str]) -> tuple[object, ...]:
    doubt = own.doubt
    names = ("", "") if doubt.between is None else tuple(classes[one] for one in doubt.between)
    return number, str(own.path), round(doubt.uncertainty, 4), round(doubt.share, 4), *names, own.reason(classes)
