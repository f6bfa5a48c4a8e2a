"""Rasterise shapes: polygons in the two ways that tools draw them, ellipses, lines and run-length encodings (RLE).

COCO's RLE is decoded here: 30 lines of NumPy save a compiled package, and check that the runs fill the image.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segbox.errors import DataError

Size = tuple[int, int]  # H, W
FIRST_CHARACTER = 48  # of compressed RLE
MOST_HELD = 2**31  # pixels of an image's objects, each a byte
OUTSIDE = 4  # times the image's size that a corner may lie outside of it


@dataclass(frozen=True)
class Region:
    """The pixels of a rectangle of the image that are True in `inside`."""

    top: int
    left: int
    inside: np.ndarray


@dataclass(frozen=True)
class Shape:
    """An object: regions that get the same id."""

    value: int
    regions: tuple[Region, ...]

    @property
    def area(self) -> int:
        return sum(int(region.inside.sum()) for region in self.regions)


def paint(mask: np.ndarray, shapes: Iterable[Shape]) -> np.ndarray:
    """Draw the shapes, later ones over earlier ones."""
    for shape in shapes:
        for region in shape.regions:
            height, width = region.inside.shape
            mask[region.top : region.top + height, region.left : region.left + width][region.inside] = shape.value
    return mask


def largest_first(shapes: Iterable[Shape]) -> list[Shape]:
    """The drawing order for formats without one: small objects lie on top of large ones."""
    held, size = [], 0
    for shape in shapes:
        held.append(shape)
        size += sum(region.inside.size for region in shape.regions)
        if size > MOST_HELD:
            raise DataError(f"its first {len(held)} objects cover {size} pixels together, too many to sort")
    return sorted(held, key=lambda shape: -shape.area)


def fill_polygon(points: object, size: Size) -> Region:
    """The pixels with their centre in the polygon (even-odd rule). Pixel (0, 0) spans 0 to 1, as in COCO and CVAT."""
    corners = as_corners(points, size)
    x, y = (corners - 0.5).T  # centres are at integers now
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    first = np.clip(np.ceil(np.minimum(y, next_y)), 0, size[0]).astype(int)  # rows first to last - 1 are crossed
    last = np.clip(np.ceil(np.maximum(y, next_y)), 0, size[0]).astype(int)
    count = last - first
    edge = np.repeat(np.arange(len(x)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    with np.errstate(divide="ignore", invalid="ignore"):  # horizontal edges cross no row
        slope = (next_x - x) / (next_y - y)
    column = np.clip(np.ceil(x[edge] + (row - y[edge]) * slope[edge]), 0, size[1]).astype(int)
    if not len(row):
        return Region(0, 0, np.zeros((0, 0), bool))
    top, left = row.min(), column.min()
    crossings = np.zeros((row.max() - top + 1, column.max() - left + 1), np.uint8)
    np.add.at(crossings, (row - top, column - left), 1)
    inside = np.cumsum(crossings, axis=1, dtype=np.uint8)[:, :-1] & 1 > 0  # behind the last crossing is no inside
    return Region(int(top), int(left), inside)


def fill_polygon_and_outline(points: object, size: Size) -> Region:
    """The polygon with the pixels of its outline, as labelme, Ultralytics and Cityscapes draw it.

    It restores the region that `cv2.findContours` found a contour of.
    """
    corners = np.floor(as_corners(points, size)).astype(np.int32)
    left, top = np.maximum(corners.min(axis=0), 0)
    right, bottom = np.minimum(corners.max(axis=0) + 1, size[::-1])
    inside = np.zeros((max(0, bottom - top), max(0, right - left)), np.uint8)
    if inside.size:
        cv2.fillPoly(inside, [corners], 1, offset=(-int(left), -int(top)))
    return Region(int(top), int(left), inside > 0)


def cropped(inside: np.ndarray) -> Region:
    """The region in the smallest rectangle that holds it: objects may be many, and images large."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Region(0, 0, np.zeros((0, 0), bool))
    top, left = int(rows[0]), int(columns[0])
    return Region(top, left, inside[top : rows[-1] + 1, left : columns[-1] + 1].copy())


def circle(centre: Sequence[float], radius: float, size: Size) -> Region:
    return ellipse(centre, (radius, radius), 0.0, size)


def ellipse(centre: Sequence[float], radii: Sequence[float], degrees: float, size: Size) -> Region:
    """The pixels with their centre inside."""
    (x, y), reach = as_corners([centre], size)[0], max(radii)
    if not (0 < min(radii) <= reach < OUTSIDE * max(size) and np.isfinite(degrees)):
        raise DataError(f"an ellipse has the radii {tuple(radii)} and is turned by {degrees} degrees")
    left, top = (int(max(0, np.floor(value - reach))) for value in (x, y))
    right, bottom = int(min(size[1], np.ceil(x + reach))), int(min(size[0], np.ceil(y + reach)))
    rows, columns = np.mgrid[top : max(top, bottom), left : max(left, right)] + 0.5
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    along = (columns - x) * cosine + (rows - y) * sine
    across = (rows - y) * cosine - (columns - x) * sine
    return Region(top, left, (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1)


def thick_line(points: np.ndarray, width: float, size: Size) -> Region:
    """The pixels with their centre at most half the width from the line through these points."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    inside = np.zeros(size, bool)
    for start, end in zip(points[: max(1, len(points) - 1)], points[-max(1, len(points) - 1) :]):
        way = end - start
        along = ((columns - start[0]) * way[0] + (rows - start[1]) * way[1]) / max(way @ way, 1e-12)
        along = along.clip(0, 1)
        inside |= np.hypot(columns - start[0] - along * way[0], rows - start[1] - along * way[1]) <= width / 2
    return Region(0, 0, inside)


def box_corners(left: float, top: float, right: float, bottom: float, degrees: float = 0.0) -> np.ndarray:
    """The corners of a box that is rotated about its centre."""
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    centre = corners.mean(axis=0)
    return centre + (corners - centre) @ np.array([[cosine, sine], [-sine, cosine]])


def as_corners(points: object, size: Size) -> np.ndarray:
    """N 2: x and y."""
    try:
        corners = np.array(points, float).reshape(-1, 2)
    except (TypeError, ValueError):
        raise DataError(f"points={str(points)[:60]}: expected pairs of numbers, x and y") from None
    reach = OUTSIDE * max(size)
    if not len(corners) or not (np.abs(corners) <= reach).all():  # also false for NaN
        raise DataError(f"points={str(points)[:60]}: lie far outside the image of {size[1]}x{size[0]}")
    return corners


def decode_rle(counts: Sequence[int], size: Size, by_column: bool) -> np.ndarray:
    """H W, bool, from lengths of runs, alternately outside and inside, along columns (as in COCO) or along rows."""
    total = size[0] * size[1]
    if not all(type(count) is int and 0 <= count <= total for count in counts) or sum(counts) != total:
        raise DataError(f"runs {str(counts)[:60]}: do not fill {size[1]}x{size[0]} pixels")
    pixels = np.repeat(np.arange(len(counts)) % 2 > 0, counts)
    return pixels.reshape(size[::-1]).T if by_column else pixels.reshape(size)


def parse_compressed_rle(text: str) -> list[int]:
    """COCO's compressed RLE: groups of 5 bits, low ones first; from the fourth run on, minus the run two before."""
    counts: list[int] = []
    number = shift = 0
    for character in text.encode("ascii", "replace"):
        bits = character - FIRST_CHARACTER
        if not 0 <= bits < 64 or shift > 40:
            raise DataError(f"compressed runs {text[:20]!r}: hold something else than COCO's characters")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = shift = 0
    return counts
