"""The confusion matrix as a picture: which class is taken for which."""

from collections.abc import Sequence

import cv2
import numpy as np

from segbox.viz.overlay import FONT

RIGHT = np.array((31, 99, 168))  # the colour of all of a class's pixels, where they are right
WRONG = np.array((196, 52, 42))  # and where they are wrong
GROUND, LINE, INK, FAINT = 255, 214, (30, 30, 34), (120, 120, 126)
GAP = 8
LEAST_WIDTH = 340  # of the heading
MOST_WITH_NUMBERS = 30  # classes: with more, the cells are too small for numbers


def confusion_picture(counts: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Rows are true classes, columns guessed ones; a row's cells are parts of its pixels. RGB.

    The colour's strength is the root of the part: one pixel in a hundred is to be seen too.
    """
    number = len(classes)
    cell, size = (40, 0.42) if number <= MOST_WITH_NUMBERS else (14, 0.36)
    truths = counts.sum(1, keepdims=True)
    parts = counts / np.maximum(truths, 1)
    grid = cells(parts, truths > 0, cell)
    if number <= MOST_WITH_NUMBERS:
        write_numbers(grid, parts, truths[:, 0], cell)
    rows = names(classes, cell, size, is_right_aligned=True)
    columns = cv2.rotate(names(classes, cell, size), cv2.ROTATE_90_COUNTERCLOCKWISE)
    corner = np.full((columns.shape[0], rows.shape[1], 3), GROUND, np.uint8)
    picture = np.vstack([np.hstack([corner, columns]), np.hstack([rows, grid])])
    right = max(3 * GAP, LEAST_WIDTH - picture.shape[1])
    picture = cv2.copyMakeBorder(picture, GAP, GAP, GAP, right, cv2.BORDER_CONSTANT, value=(GROUND,) * 3)
    return np.vstack([heading(picture.shape[1]), picture])


def cells(parts: np.ndarray, occurs: np.ndarray, side: int) -> np.ndarray:
    """Coloured squares between lines; the row of a class without pixels is grey."""
    strength = np.sqrt(parts)[..., None]
    colours = GROUND + strength * (WRONG - GROUND)
    diagonal = np.arange(len(parts))
    colours[diagonal, diagonal] = (GROUND + strength * (RIGHT - GROUND))[diagonal, diagonal]
    colours = np.where(occurs[..., None], colours, 240).round().astype(np.uint8)
    grid = colours.repeat(side, axis=0).repeat(side, axis=1)
    for k in range(0, len(parts) * side, side):
        shade = LINE if k % (10 * side) else LINE - 70  # every tenth line leads the eye
        grid[k] = grid[:, k] = shade
    return cv2.copyMakeBorder(grid, 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=(LINE - 70,) * 3)


def write_numbers(grid: np.ndarray, parts: np.ndarray, truths: np.ndarray, side: int) -> None:
    """Percent, where there is half of one or more."""
    for row, column in zip(*np.nonzero(parts >= 0.005)):
        text = f"{100 * parts[row, column]:.0f}"
        colour = (255, 255, 255) if parts[row, column] > 0.25 else INK
        write_centred(grid, text, column * side + side // 2, row * side + side // 2, 0.42, colour)
    for row in np.flatnonzero(truths == 0):
        write_centred(grid, "-", side // 2, row * side + side // 2, 0.42, FAINT)


def write_centred(picture: np.ndarray, text: str, x: int, y: int, size: float, colour: tuple[int, ...]) -> None:
    (width, height), _ = cv2.getTextSize(text, FONT, size, 1)
    cv2.putText(picture, text, (x - width // 2, y + height // 2), FONT, size, colour, 1, cv2.LINE_AA)


def names(classes: Sequence[str], side: int, size: float, is_right_aligned: bool = False) -> np.ndarray:
    """One under the other, a row of cells each."""
    widths = [cv2.getTextSize(name, FONT, size, 1)[0][0] for name in classes]
    strip = np.full((len(classes) * side + 1, max(widths) + 2 * GAP, 3), GROUND, np.uint8)
    for k, (name, width) in enumerate(zip(classes, widths)):
        x = strip.shape[1] - width - GAP if is_right_aligned else GAP
        cv2.putText(strip, name, (x, k * side + side // 2 + round(11 * size)), FONT, size, INK, 1, cv2.LINE_AA)
    return strip


def heading(width: int) -> np.ndarray:
    strip = np.full((44, width, 3), GROUND, np.uint8)
    cv2.putText(strip, "confusion matrix", (GAP, 18), FONT, 0.5, INK, 1, cv2.LINE_AA)
    text = "rows: truth, columns: prediction; percent of the true class"
    cv2.putText(strip, text, (GAP, 36), FONT, 0.4, FAINT, 1, cv2.LINE_AA)
    return strip
