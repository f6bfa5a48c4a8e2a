"""Generated pictures of shapes: a data set to try things on, without a download."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import SegDataset
from segbox.data.palette import default_palette
from segbox.data.sample import Sample
from segbox.data.transforms.pipeline import PipelineConfig, as_pipeline
from segbox.registry import DATASETS

SHADOW = (58, 58, 64)
FINE = 2  # pictures are drawn this much larger and averaged: smooth edges


@DATASETS.register
class ShapesDataset(SegDataset):
    """Coloured shapes on textured ground; image i is a pure function of (seed, i).

    `radii` are parts of the shorter side. A class prefers a hue but does not own it: colour helps, shape decides.
    Outlines are ignored, and so is now and then a grey cloud.
    """

    classes = ("background", "circle", "square", "triangle", "star", "cross", "ring")
    palette = default_palette(7)

    def __init__(
        self,
        num_images: int = 200,
        size: tuple[int, int] = (96, 128),
        radii: tuple[float, float] = (0.1, 0.24),
        seed: int = 0,
        pipeline: PipelineConfig = (),
        transform_labels: bool = True,
    ) -> None:
        if num_images < 1 or min(size) < 16:
            raise ValueError(f"num_images={num_images!r}, size={size!r}: expected 1 or more, and 16 pixels or more")
        self.num_images = num_images
        if not 0 < radii[0] <= radii[1] < 0.5:
            raise ValueError(f"radii={radii!r}: from and to, as parts of the shorter side, below 0.5")
        self.size = tuple(size)
        self.radii = tuple(radii)
        self.seed = seed
        self.pipeline = as_pipeline(pipeline, transform_labels)
        self.transform_labels = transform_labels

    def __len__(self) -> int:
        return self.num_images

    def load(self, index: int) -> Sample:
        rng = np.random.default_rng((self.seed, index))
        height, width = self.size
        image = cv2.resize(_ground(rng, height, width), (width * FINE, height * FINE))
        label = np.zeros((height, width), np.uint8)
        for centre, radius in _places(rng, height, width, self.radii):
            kind = int(rng.integers(1, len(self.classes)))
            _draw(image, label, rng, kind, centre, radius)
        if rng.random() < 0.2:
            _draw_cloud(image, label, rng)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        noise = rng.integers(-6, 7, (height, width), np.int8)
        image = cv2.add(image, cv2.merge([noise] * 3), dtype=cv2.CV_8U)
        return {"image": image, "label": label, "path": f"shapes-{self.seed}-{index:05d}", "size": self.size}


def write_folder(dataset: SegDataset, root: str | Path, split: str) -> None:
    """Write any data set, as loaded and untransformed, in the layout that FolderDataset reads."""
    folders = [Path(root) / part / split for part in ("images", "annotations")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for index in range(len(dataset)):
        sample = dataset.load(index)
        name = f"{index:05d}.png"
        cv2.imwrite(str(folders[0] / name), cv2.cvtColor(sample["image"], cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(folders[1] / name), sample["label"])
    (Path(root) / "classes.txt").write_text("\n".join(dataset.classes) + "\n", encoding="utf-8")


def _ground(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Smooth noise of a muted colour, with stripes or dots."""
    colour = _colour(rng.uniform(0, 180), rng.uniform(10, 70), rng.uniform(110, 210))
    clouds = cv2.resize(rng.uniform(-1, 1, (4, 5)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    angle, period = rng.uniform(0, math.pi), rng.uniform(5, 14)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    stripes = np.sin((x * math.cos(angle) + y * math.sin(angle)) * np.float32(2 * math.pi / period))
    if rng.random() < 0.4:
        stripes = stripes * np.sin((x * -math.sin(angle) + y * math.cos(angle)) * np.float32(2 * math.pi / period))
    shade = clouds * np.float32(24) + stripes * np.float32(rng.uniform(3, 11))
    return cv2.add(np.full((height, width, 3), colour, np.uint8), cv2.merge([shade] * 3), dtype=cv2.CV_8U)


def _places(
    rng: np.random.Generator, height: int, width: int, radii: tuple[float, ...]
) -> list[tuple[tuple[float, float], float]]:
    """Centres and radii of a few shapes with little overlap."""
    places: list[tuple[tuple[float, float], float]] = []
    wanted = int(rng.integers(3, 7))
    for _ in range(4 * wanted):
        radius = min(height, width) * rng.uniform(*radii)
        centre = (rng.uniform(0.5 * radius, width - 0.5 * radius), rng.uniform(0.5 * radius, height - 0.5 * radius))
        if all(math.dist(centre, other) > 0.95 * (radius + size) for other, size in places):
            places.append((centre, radius))
        if len(places) == wanted:
            break
    return places


def _draw(
    image: np.ndarray,
    label: np.ndarray,
    rng: np.random.Generator,
    kind: int,
    centre: tuple[float, float],
    radius: float,
) -> None:
    own_hue = (kind - 1) * 30 + 5
    hue = rng.normal(own_hue, 9) if rng.random() < 0.75 else rng.uniform(0, 180)
    colour = _colour(hue, rng.uniform(140, 235), rng.uniform(150, 250))
    outline = SHAPES[kind - 1](rng.uniform(0, 2 * math.pi))
    points = [np.array(centre) + radius * ring for ring in outline]
    shadow = [FINE * (ring + radius * 0.12) for ring in points]
    cv2.fillPoly(image, _fixed(shadow), SHADOW, cv2.LINE_8, SHIFT)
    large = _fixed([FINE * ring for ring in points])
    cv2.fillPoly(image, large, colour, cv2.LINE_8, SHIFT)
    cv2.polylines(image, large, True, tuple(int(0.62 * c) for c in colour), FINE, cv2.LINE_AA, SHIFT)
    small = _fixed(points)
    cv2.fillPoly(label, small, kind, cv2.LINE_8, SHIFT)
    cv2.polylines(label, small, True, IGNORE_INDEX, 1, cv2.LINE_8, SHIFT)


def _draw_cloud(image: np.ndarray, label: np.ndarray, rng: np.random.Generator) -> None:
    height, width = label.shape
    middle = np.array([rng.uniform(0, width), rng.uniform(0, height)])
    for _ in range(5):
        x, y = middle + rng.normal(0, height * 0.05, 2)
        radius = height * rng.uniform(0.04, 0.08)
        cv2.circle(image, (int(x * FINE), int(y * FINE)), int(radius * FINE), (228, 230, 234), -1, cv2.LINE_AA)
        cv2.circle(label, (int(x), int(y)), int(radius) + 1, IGNORE_INDEX, -1)


SHIFT = 4  # OpenCV draws at sixteenths of a pixel


def _fixed(rings: list[np.ndarray]) -> list[np.ndarray]:
    # OpenCV counts from the centre of the first pixel
    return [np.rint((ring - 0.5) * 2**SHIFT).astype(np.int32) for ring in rings]


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    pixel = np.array([[[hue % 180, saturation, value]]]).astype(np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
    return int(red), int(green), int(blue)


def _polygon(angles: Sequence[float], radii: Sequence[float], turn: float) -> np.ndarray:
    """Corners at these angles and radii, rotated together."""
    directions = np.array(angles) + turn
    return np.stack([np.cos(directions), np.sin(directions)], axis=1) * np.array(radii)[:, None]


def _regular(corners: int, radius: float, turn: float) -> np.ndarray:
    return _polygon(np.arange(corners) * (2 * math.pi / corners), [radius] * corners, turn)


def _star(turn: float) -> list[np.ndarray]:
    return [_polygon(np.arange(10) * (math.pi / 5), [1.12, 0.46] * 5, turn)]


def _cross(turn: float) -> list[np.ndarray]:
    narrow, far, near = math.atan2(0.3, 1.0), math.hypot(0.3, 1.0), math.hypot(0.3, 0.3)
    quarter = math.pi / 2
    angles = [q * quarter + a for q in range(4) for a in (-narrow, narrow, quarter / 2)]
    return [_polygon(angles, [far, far, near] * 4, turn)]


SHAPES: list[Callable[[float], list[np.ndarray]]] = [
    lambda turn: [_regular(40, 0.92, turn)],
    lambda turn: [_regular(4, 1.1, turn)],
    lambda turn: [_regular(3, 1.15, turn)],
    _star,
    _cross,
    lambda turn: [_regular(40, 1.0, turn), _regular(40, 0.5, turn)],
]
