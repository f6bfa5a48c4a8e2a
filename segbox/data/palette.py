"""Colours of classes: check given ones, and choose them for classes without."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from segbox.errors import DataError, short

Colour = tuple[int, int, int]

# Chosen by hand, for the few classes that most people have. Class 0 is often the background: dark, so that the
# others stand out.
FIRST = (
    (64, 68, 78),
    (230, 75, 60),
    (245, 190, 50),
    (90, 190, 95),
    (60, 175, 215),
    (90, 95, 210),
    (205, 90, 185),
    (150, 100, 60),
    (170, 220, 60),
    (40, 130, 130),
)
MOST = 255  # more classes than a label byte can name


def default_palette(num_classes: int) -> list[Colour]:
    """Each colour is far from those before it, as eyes see it. A longer palette begins like a shorter one."""
    if num_classes > MOST:
        raise ValueError(f"{num_classes} classes: a label byte can tell at most {MOST} apart")
    return list((FIRST if num_classes <= len(FIRST) else _spread())[:num_classes])


def checked_palette(colours: Any, num_classes: int, source: object = "palette") -> list[Colour]:
    """DataError unless there is a colour of three bytes for each class."""
    if (
        hasattr(colours, "dtype")
        or not isinstance(colours, Iterable)
        or len(found := [_as_colour(c) for c in colours]) != num_classes
        or None in found
    ):
        raise DataError(
            f"{source}: expected {num_classes} colours (red, green, blue) of 0 to 255, one per class, got"
            f" {short(colours)}"
        )
    return found


def _as_colour(value: Any) -> Colour | None:
    is_colour = isinstance(value, list | tuple) and len(value) == 3
    return tuple(value) if is_colour and all(isinstance(c, int) and 0 <= c <= 255 for c in value) else None


@lru_cache(maxsize=1)
def _spread() -> tuple[Colour, ...]:
    levels = np.arange(16, 256, 24)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.uint8)
    lab = _to_lab(colours)
    readable = (lab[:, 0] > 35) & (lab[:, 0] < 88)  # neither lost in shadow nor on white paper
    vivid = np.hypot(lab[:, 1], lab[:, 2]) > 25
    colours, lab = colours[readable & vivid], lab[readable & vivid]
    chosen = list(FIRST)
    distance = np.linalg.norm(lab[:, None] - _to_lab(np.array(FIRST, np.uint8)), axis=2).min(axis=1)
    while len(chosen) < MOST:
        farthest = distance.argmax()
        chosen.append(tuple(map(int, colours[farthest])))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[farthest], axis=1))
    return tuple(chosen)


def _to_lab(colours: np.ndarray) -> np.ndarray:
    """N 3 in CIELAB, where a distance of 1 is about the smallest visible difference."""
    return cv2.cvtColor(colours[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
