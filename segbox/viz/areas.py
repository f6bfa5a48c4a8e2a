"""How many pixels each class covers, as one CSV table for many pictures."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from segbox.errors import printable
from segbox.outputs import new_text_file, write_errors_named


def class_shares(label: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """The share of the picture that each class covers; 0 for classes that it does not show."""
    return dict(zip(classes, (pixels_per_class(label, len(classes)) / label.size).tolist()))


def pixels_per_class(label: np.ndarray, num_classes: int) -> np.ndarray:
    return np.bincount(label.ravel(), minlength=num_classes)


class AreaTable:
    """A row for each picture and class: the picture's name, the class, its pixels, their share of the picture."""

    def __init__(self, path: Path, file: TextIO, first: str, classes: Sequence[str]) -> None:
        self.path = path
        self.classes = classes
        self.rows = csv.writer(file)  # RFC 4180
        self.rows.writerow([first, "class", "pixels", "share"])

    def add(self, name: object, label: np.ndarray) -> None:
        self.add_counts(name, pixels_per_class(label, len(self.classes)).tolist())

    def add_counts(self, name: object, counts: Sequence[int]) -> None:
        """`counts` are the pixels of each class. Rows are written at once: a million pictures need no memory."""
        shown, total = printable(name), sum(counts)
        with write_errors_named(self.path):
            self.rows.writerows([shown, own, count, f"{count / total:.6f}"] for own, count in zip(self.classes, counts))


@contextmanager
def area_table(path: Path, first: str, classes: Sequence[str]) -> Iterator[AreaTable]:
    """A table that gets its name when it is complete. Call `claim` for it before. `first` heads the first column."""
    with new_text_file(path) as file:
        yield AreaTable(path, file, first, classes)
