"""Draw many samples on one sheet: each image as the model sees it, its labels over it, and one legend."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.sample import Sample
from segbox.errors import printable
from segbox.viz.overlay import Palette, as_bytes, overlay

WIDTH = 1650  # of the sheet, approximately
SMALLEST, LARGEST = 120, 260  # width of one picture
GAP = 10
TEXT = 20  # height of a line
INK, SOFT, PAPER, GROUND = (32, 36, 44), (110, 118, 132), (255, 255, 255), (243, 244, 247)
FONT = cv2.FONT_HERSHEY_SIMPLEX
HATCH = 8


@dataclass
class _Cell:
    picture: np.ndarray
    title: str
    note: str


def contact_sheet(samples: Sequence[Sample], classes: Sequence[str], palette: Palette, heading: str) -> np.ndarray:
    """RGB bytes. Ignored pixels are hatched; the legend gives the percentage of each class in these samples."""
    cells = [_cell(sample, palette) for sample in samples]
    width = max(cell.picture.shape[1] for cell in cells) + 2 * GAP
    height = max(cell.picture.shape[0] for cell in cells) + 2 * GAP + 2 * TEXT
    columns = min(len(cells), max(1, WIDTH // width))
    rows = -(-len(cells) // columns)
    sheet = np.full((rows * height + GAP, columns * width + GAP, 3), GROUND, np.uint8)
    for i, cell in enumerate(cells):
        y, x = i // columns * height + GAP, i % columns * width + GAP
        _paste(sheet, cell, y, x, width - GAP, height - GAP)
    return np.vstack([_heading(heading, sheet.shape[1]), sheet, _legend(samples, classes, palette, sheet.shape[1])])


def _cell(sample: Sample, palette: Palette) -> _Cell:
    image, label = as_bytes(sample["image"]), sample["label"]
    if label.shape != image.shape[:2]:  # evaluation keeps labels at the size of their files
        label = cv2.resize(label, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    factor = float(np.clip(1, SMALLEST / image.shape[1], LARGEST / image.shape[1]))
    size = (round(image.shape[1] * factor), max(1, round(image.shape[0] * factor)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    label = cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)
    labelled = _hatched(overlay(image, label, palette, 0.65), label == IGNORE_INDEX)
    gap = np.full((size[1], 2, 3), PAPER, np.uint8)
    shape = "x".join(map(str, sample["image"].shape))
    low, high = sample["image"].min(), sample["image"].max()
    ignored = 100 * (sample["label"] == IGNORE_INDEX).mean()
    note = f"{shape}, {low:.6g} to {high:.6g}, {ignored:.0f} % ignored"
    return _Cell(np.hstack([image, gap, labelled]), printable(sample["path"].rsplit("/", 1)[-1]), note)


def _hatched(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(where.shape)
    line = (rows + columns) % HATCH < 2
    picture = picture.copy()
    picture[where & line] = PAPER
    return picture


def _paste(sheet: np.ndarray, cell: _Cell, y: int, x: int, width: int, height: int) -> None:
    sheet[y : y + height, x : x + width] = PAPER
    rows, columns = cell.picture.shape[:2]
    left = x + (width - columns) // 2
    sheet[y + GAP // 2 : y + GAP // 2 + rows, left : left + columns] = cell.picture
    baseline = y + height - 2 * TEXT + 13
    _write(sheet, _fitting(cell.title, columns), (left, baseline), INK)
    _write(sheet, _fitting(cell.note, columns), (left, baseline + TEXT - 3), SOFT)


def _heading(text: str, width: int) -> np.ndarray:
    strip = np.full((2 * TEXT, width, 3), GROUND, np.uint8)
    _write(strip, _fitting(printable(text), width - 2 * GAP, 0.55), (GAP, 27), INK, 0.55)
    return strip


def _legend(samples: Sequence[Sample], classes: Sequence[str], palette: Palette, width: int) -> np.ndarray:
    counts = sum(np.bincount(sample["label"].ravel(), minlength=256) for sample in samples)
    entries = [(i, f"{name} {_percent(counts[i] / counts.sum())}") for i, name in enumerate(classes)]
    entries.append((IGNORE_INDEX, f"ignored {_percent(counts[IGNORE_INDEX] / counts.sum())}"))
    step = min(width - GAP, 40 + max(_text_width(text) for _, text in entries))
    per_row = max(1, (width - GAP) // step)
    strip = np.full((-(-len(entries) // per_row) * (TEXT + 4) + GAP, width, 3), GROUND, np.uint8)
    for k, (i, text) in enumerate(entries):
        x, y = GAP + k % per_row * step, k // per_row * (TEXT + 4)
        chip = np.full((14, 14, 3), SOFT if i == IGNORE_INDEX else palette[i], np.uint8)
        if i == IGNORE_INDEX:
            chip = _hatched(chip, np.ones((14, 14), bool))
        strip[y + 2 : y + 16, x : x + 14] = chip
        _write(strip, _fitting(text, width - x - 24), (x + 20, y + 14), INK if counts[i] else SOFT)
    return strip


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %" if fraction else "-"


def _write(picture: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int], size=0.42) -> None:
    cv2.putText(picture, text, corner, FONT, size, colour, 1, cv2.LINE_AA)


def _fitting(text: str, width: int, size: float = 0.42) -> str:
    """The text, or its end after "..." if it is too long: names differ at their ends."""
    if _text_width(text, size) <= width:
        return text
    while text and _text_width("..." + text, size) > width:
        text = text[1:]
    return "..." + text


def _text_width(text: str, size: float = 0.42) -> int:
    return cv2.getTextSize(text, FONT, size, 1)[0][0]
