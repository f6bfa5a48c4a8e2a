"""What both processes of a comparison compute alike: inputs, times, and the numbers that are compared.

This file runs in environments without segbox.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MEAN = (123.675, 116.28, 103.53)  # of ImageNet, as all the compared models are given it
STD = (58.395, 57.12, 57.375)
IGNORED = 255
COMPARED = 4096  # values of a result, evenly spread
STRIDE = 8  # of logits that stand for those of a network
AROUND = 0.05  # of these logits, what a window adds, as a network sees other surroundings in each


def pixels(*shape: int) -> np.ndarray:
    """Smooth random bytes of this shape (..., H, W), with some noise."""
    rng = np.random.default_rng(0)
    *front, height, width = shape
    small = rng.integers(0, 256, (*front, -(-height // 32), -(-width // 32)), dtype=np.uint8)
    large = small.repeat(32, axis=-2).repeat(32, axis=-1)[..., :height, :width]
    return (large // 2 + rng.integers(0, 128, large.shape, dtype=np.uint8)).astype(np.uint8)


def class_ids(num_classes: int, *shape: int) -> np.ndarray:
    """Patches of random classes; the first sixteenth of the rows is ignored."""
    *front, height, width = shape
    small = np.random.default_rng(1).integers(0, num_classes, (*front, -(-height // 16), -(-width // 16)))
    ids = small.astype(np.uint8).repeat(16, axis=-2).repeat(16, axis=-1)[..., :height, :width].copy()
    ids[..., : height // 16, :] = IGNORED
    return ids


def scores(*shape: int) -> np.ndarray:
    """Random logits."""
    return np.random.default_rng(2).standard_normal(shape, dtype=np.float32)


def strided(size: Sequence[int]) -> tuple[int, ...]:
    """The size of logits at `STRIDE`."""
    return tuple(-(-side // STRIDE) for side in size)


def with_places(height: int, width: int) -> np.ndarray:
    """An image whose first two channels say which cell of `STRIDE` pixels a pixel is in: 1 3 H W."""
    image = np.zeros((1, 3, height, width), np.uint8)
    image[0, 0], image[0, 1] = np.mgrid[:height, :width] // STRIDE % 256
    return image


def places_of(windows: Any) -> list[tuple[int, int]]:
    """The cells in which windows (B C H W) of that image begin."""
    return [(int(window[0, 0, 0]), int(window[1, 0, 0])) for window in windows]


def window_of(logits: Any, y: int, x: int, height: int, width: int) -> Any:
    """The logits (B K h w) of a window of that many cells, which begins at a cell. Overlapping windows differ a bit."""
    return logits[..., y : y + height, x : x + width] + AROUND * logits[..., :height, :width]


def confusion(guess: np.ndarray, truth: np.ndarray, num_classes: int) -> np.ndarray:
    """The number of pixels of each true (row) and guessed class."""
    valid = truth != IGNORED
    pairs = truth[valid].astype(np.int64) * num_classes + guess[valid]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def digest(result: Any) -> list[float] | None:
    """Some values of a result (a number, an array, a tensor), to be compared with those of another process."""
    if result is None:
        return None
    array = result.detach().cpu().numpy() if hasattr(result, "detach") else np.asarray(result)
    flat = array.astype(np.float64).ravel()
    places = np.linspace(0, flat.size - 1, min(flat.size, COMPARED)).astype(np.int64)
    return [float(flat.size), float(np.abs(flat).mean()), *flat[places].tolist()]


def seconds_of(run: Callable[[], Any], wait: Callable[[], Any] = lambda: None) -> tuple[float, float]:
    """The CPU and the wall-clock seconds of a run. `wait` waits for a GPU."""
    wait()
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wait()
    return time.process_time() - cpu, time.perf_counter() - wall


def peak_mb(run: Callable[[], Any]) -> float | None:
    """The peak of resident memory beyond that before the run; None outside of Linux."""
    import ctypes

    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except (OSError, AttributeError):
        return None
    before = resident("VmRSS")
    run()
    return (resident("VmHWM") - before) / 2**20


def resident(key: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{key}:"))
