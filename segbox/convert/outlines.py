"""The outlines of a class map for annotators: without specks, and with fewer corners."""

from collections.abc import Iterator

import cv2
import numpy as np

from segbox.convert.trace import Loop, Outline, find_regions, trace


def outlines_of(label: np.ndarray, unlabelled: int, tolerance: float = 0.0, min_area: int = 0) -> list[Outline]:
    """The regions of a class map, H W. With tolerance 0 they fill its pixels exactly.

    `tolerance` is the largest distance, in pixels, of a corner that is left out from the outline that remains; what is
    thinner vanishes. Regions with fewer pixels than `min_area` get the class of their neighbours before.
    """
    outlines = trace(without_specks(label, min_area), unlabelled)
    if not tolerance:
        return outlines
    simple = [
        Outline(
            outline.value,
            simplified(outline.outer, tolerance),
            tuple(filter(_has_area, (simplified(hole, tolerance) for hole in outline.holes))),
            outline.depth,
        )
        for outline in outlines
    ]
    return [outline for outline in simple if _has_area(outline.outer)]


def without_specks(label: np.ndarray, min_area: int) -> np.ndarray:
    """Regions of fewer pixels get the class that they share the longest outline with. The larger ones do not change."""
    while min_area > 1:
        regions, values = find_regions(label)
        is_speck = np.bincount(regions.ravel(), minlength=len(values)) < min_area
        speck, beside = _neighbours(regions, is_speck)
        if not len(speck):
            break
        keys, counts = np.unique(speck.astype(np.int64) * 256 + values[beside], return_counts=True)
        order = np.argsort(counts, kind="stable")  # the last one of a speck stays
        new = values.copy()
        new[keys[order] // 256] = keys[order] % 256
        label = new[regions].astype(np.uint8)
    return label


def _neighbours(regions: np.ndarray, is_speck: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each side between a speck and a larger region: the two."""
    one = np.concatenate([regions[1:].ravel(), regions[:-1].ravel(), regions[:, 1:].ravel(), regions[:, :-1].ravel()])
    two = np.concatenate([regions[:-1].ravel(), regions[1:].ravel(), regions[:, :-1].ravel(), regions[:, 1:].ravel()])
    wanted = is_speck[one] & ~is_speck[two]
    return one[wanted], two[wanted]


def simplified(loop: Loop, tolerance: float) -> Loop:
    """Neighbours keep the same corners: each stretch between two fixed corners is simplified for itself."""
    kept = np.unique(np.concatenate([_kept(loop.corners, stretch, tolerance) for stretch in _stretches(loop)]))
    return Loop(loop.corners[kept], loop.inward[kept], loop.is_fixed[kept])


def _stretches(loop: Loop) -> Iterator[np.ndarray]:
    """The indices of the corners of each stretch, with both ends. Closed stretches are split at the farthest corner."""
    ends = np.flatnonzero(loop.is_fixed)
    if not len(ends):
        ends = np.lexsort(loop.corners.T)[:1]
    for first, last in zip(ends, [*ends[1:], ends[0] + len(loop.corners)]):
        stretch = np.arange(first, last + 1) % len(loop.corners)
        points = loop.corners[stretch]
        if (points[0] != points[-1]).any():
            yield stretch
            continue
        distance = ((points - points[0]) ** 2).sum(axis=1)
        middle = np.lexsort([*points.T, -distance])[0]
        yield stretch[: middle + 1]
        yield stretch[middle:]


def _kept(corners: np.ndarray, stretch: np.ndarray, tolerance: float) -> np.ndarray:
    """Douglas and Peucker's choice, which does not depend on the direction of the walk."""
    if tuple(corners[stretch[0]]) > tuple(corners[stretch[-1]]):
        stretch = stretch[::-1]
    index = {tuple(corner): i for corner, i in zip(corners[stretch].tolist(), stretch.tolist())}
    chosen = cv2.approxPolyDP(corners[stretch].astype(np.int32)[:, None], tolerance, closed=False)
    return np.array([index[tuple(corner)] for corner in chosen[:, 0].tolist()])


def _has_area(loop: Loop) -> bool:
    return bool(area_of(loop))


def area_of(loop: Loop) -> float:
    """Of the polygon, in pixels."""
    x, y = loop.corners.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
