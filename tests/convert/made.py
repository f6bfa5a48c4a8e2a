"""Tiny sources, and what must come out of them, made another way."""

import importlib
from pathlib import Path

import numpy as np

from segbox.convert.formats import COMMANDS
from segbox.convert.plan import WorkerPool
from segbox.convert.run import Summary, run
from segbox.data.readers.files import read_label
from tests.faulty_data import smooth_image, write_image

SIZE = (24, 36)  # H, W


def convert(
    name: str, source: Path, target: Path, workers: int = 0, overwrite: bool = False, exif: bool = True, **options
) -> Summary:
    module, function = (COMMANDS[name].function or f"{name}.plan").split(".")
    make_plan = getattr(importlib.import_module(f"segbox.convert.{module}"), function)
    plan = make_plan(source, target, WorkerPool(workers), **options)
    return run(plan, WorkerPool(workers), overwrite=overwrite, exif=exif)


def write_picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    return write_image(path, smooth_image(*size))


def holds(points: list, x: float, y: float) -> bool:
    """Whether a polygon holds a point: a ray to the right crosses its edges an odd number of times."""
    is_inside = False
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1]):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            is_inside = not is_inside
    return is_inside


def naive_area(points: list, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Pixel by pixel: is its centre inside?"""
    return np.array([[holds(points, j + 0.5, i + 0.5) for j in range(size[1])] for i in range(size[0])])


def naive_outline(points: list, size: tuple[int, int] = SIZE) -> np.ndarray:
    """For corners that are whole numbers: inside, or on the straight lines between the corners."""
    inside = np.array([[holds(points, j, i) for j in range(size[1])] for i in range(size[0])])
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1]):
        steps = max(abs(x2 - x1), abs(y2 - y1))
        for k in range(steps + 1):
            inside[y1 + round(k * (y2 - y1) / steps), x1 + round(k * (x2 - x1) / steps)] = True
    return inside


def layered(*layers: tuple[int, np.ndarray], start: int = 0) -> np.ndarray:
    """Later layers over earlier ones."""
    mask = np.full(layers[0][1].shape, start, np.uint8)
    for value, inside in layers:
        mask[inside] = value
    return mask


def mask_of(target: Path, name: str, folder: str = "annotations") -> np.ndarray:
    return read_label(target / folder / f"{name}.png")
