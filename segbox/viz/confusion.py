"""Draw the confusion matrix: which class is predicted as which."""

from collections.abc import Sequence

import cv2
import numpy as np

from segbox.viz.overlay import FONT

RIGHT = np.array((31, 99, 168))  # of a diagonal cell with all pixels of its class
WRONG = np.array((196, 52, 42))  # of another cell with all of them
GROUND, LINE, INK, FAINT = 255, 214, (30, 30, 34), (120, 120, 126)
GAP = 8
MIN_WIDTH = 340  # of the heading
MOST_WITH_NUMBERS = 30  # classes: with more, the cells are too small for numbers


def confusion_picture(counts: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """RGB. Rows are target classes, columns predicted ones; a cell shows its fraction of the row's pixels.

    The colour's strength is the square root of the fraction, so that 1 % is visible.
    """
    number = len(classes)
    cell, size = (40, 0.42) if number <= MOST_WITH_NUMBERS else (14, 0.36)
    targets = counts.sum(1, keepdims=True)
    fractions = counts / np.maximum(targets, 1)
    grid = cells(fractions, targets > 0, cell)
    if number <= MOST_WITH_NUMBERS:
        write_numbers(grid, fractions, targets[:, 0], cell)
    rows = names(classes, cell, size, is_right_aligned=True)
    columns = cv2.rotate(names(classes, cell, size), cv2.ROTATE_90_COUNTERCLOCKWISE)
    corner = np.full((columns.shape[0], rows.shape[1], 3), GROUND, np.uint8)
    picture = np.vstack([np.hstack([corner, columns]), np.hstack([rows, grid])])
    right = max(3 * GAP, MIN_WIDTH - picture.shape[1])
    picture = cv2.copyMakeBorder(picture, GAP, GAP, GAP, right, cv2.BORDER_CONSTANT, value=(GROUND,) * 3)
    return np.vstack([heading(picture.shape[1]), picture])


def cells(fractions: np.ndarray, occurs: np.ndarray, side: int) -> np.ndarray:
    """Coloured squares between lines; the row of a class without pixels is grey."""
    strength = np.sqrt(fractions)[..., None]
    colours = GROUND + strength * (WRONG - GROUND)
    diagonal = np.arange(len(fractions))
    colours[diagonal, diagonal] = (GROUND + strength * (RIGHT - GROUND))[diagonal, diagonal]
    colours = np.where(occurs[..., None], colours, 240).round().astype(np.uint8)
    grid = colours.repeat(side, axis=0).repeat(side, axis=1)
    for k in range(0, len(fractions) * side, side):
        shade = LINE if k % (10 * side) else LINE - 70  # every tenth line is darker
        grid[k] = grid[:, k] = shade
    return cv2.copyMakeBorder(grid, 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=(LINE - 70,) * 3)


def write_numbers(grid: np.ndarray, fractions: np.ndarray, targets: np.ndarray, side: int) -> None:
    """Percentages of 0.5 or more."""
    for row, column in zip(*np.nonzero(fractions >= 0.005)):
        text = f"{100 * fractions[row, column]:.0f}"
        colour = (255, 255, 255) if fractions[row, column] > 0.25 else INK
        write_centred(grid, text, column * side + side // 2, row * side + side // 2, 0.42, colour)
    for row in np.flatnonzero(targets == 0):
        write_centred(grid, "-", side // 2, row * side + side // 2, 0.42, FAINT)


def write_centred(picture: np.ndarray, text: str, x: int, y: int, size: float, colour: tuple[int, ...]) -> None:
    (width, height), _ = cv2.getTextSize(text, FONT, size, 1)
    cv2.putText(picture, text, (x - width // 2, y + height // 2), FONT, size, colour, 1, cv2.LINE_AA)


def names(classes: Sequence[str], side: int, size: float, is_right_aligned: bool = False) -> np.ndarray:
    """The class names below each other, each as high as a cell."""
    widths = [cv2.getTextSize(name, FONT, size, 1)[0][0] for name in classes]
    strip = np.full((len(classes) * side + 1, max(widths) + 2 * GAP, 3), GROUND, np.uint8)
    for k, (name, width) in enumerate(zip(classes, widths)):
        x = strip.shape[1] - width - GAP if is_right_aligned else GAP
        cv2.putText(strip, name, (x, k * side + side // 2 + round(11 * size)), FONT, size, INK, 1, cv2.LINE_AA)
    return strip


def heading(width: int) -> np.ndarray:
    strip = np.full((44, width, 3), GROUND, np.uint8)
    cv2.putText(strip, "confusion matrix", (GAP, 18), FONT, 0.5, INK, 1, cv2.LINE_AA)
    text = "rows: target, columns: prediction; percent of the target class"
    cv2.putText(strip, text, (GAP, 36), FONT, 0.4, FAINT, 1, cv2.LINE_AA)
    return strip
