"""Trace the regions of a class map: their outlines run on the lines between pixels.

A region is what holds together over the sides of pixels. Pixel (0, 0) spans 0 to 1. Each side of a pixel that lies on
the outline is walked with the region on the right hand; at corners where two pixels of other regions touch, the walk
stays at its pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# The sides of a pixel, as they are walked: the upper one to the right, right down, lower to the left, left up.
START = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])  # x and y of the corner where a side begins
INWARD = np.array([(0, 1), (-1, 0), (0, -1), (1, 0)])  # the direction to the middle of the pixel
AHEAD = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # the direction of the walk
LOWER = 2
OUTSIDE = -1  # the region around the image
JUNCTION = 3  # sides that meet at a corner where more than two regions touch


@dataclass(frozen=True)
class Loop:
    """An outline, closed: from the last corner to the first."""

    corners: np.ndarray  # N 2, x and y, whole numbers
    inward: np.ndarray  # N 2, from each corner to the centre of the region's pixel there
    is_fixed: np.ndarray  # N, whether more than two regions touch there


@dataclass(frozen=True)
class Outline:
    """A region of one class. `depth` is the number of regions around it, the unlabelled ground not counted."""

    value: int
    outer: Loop
    holes: tuple[Loop, ...]
    depth: int


def find_regions(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H W, the number of each pixel's region, and the class of each region."""
    regions, values = np.zeros(label.shape, np.int32), []
    for value in np.unique(label):
        count, own = cv2.connectedComponents((label == value).astype(np.uint8), connectivity=4)
        inside = own > 0
        regions[inside] = own[inside] + (len(values) - 1)
        values += [int(value)] * (count - 1)
    return regions, np.array(values)


def trace(label: np.ndarray, unlabelled: int) -> list[Outline]:
    """The regions of a class map, without the ground: `unlabelled` pixels that no region of a class surrounds."""
    regions, values = find_regions(label)
    padded = np.pad(regions, 1, constant_values=OUTSIDE)
    sides, following = _walk(padded)
    loop_of, walks = _loops(following)
    is_junction = _meeting_sides(padded) >= JUNCTION
    loops = [_loop(walk, sides, padded.shape[1], is_junction) for walk in walks]
    starts = sides[[walk[0] for walk in walks]] // 4  # the first pixel of each loop
    region_of = padded.ravel()[starts]
    first = np.unique(region_of, return_index=True)[1]  # the loop at the first pixel of a region is the outer one
    holes: list[list[Loop]] = [[] for _ in values]
    for number in np.setdiff1d(np.arange(len(loops)), first):
        holes[region_of[number]].append(loops[number])
    depths: dict[int, int] = {}
    for region in np.argsort(first).tolist():  # what surrounds a region begins above it
        above = starts[first[region]] - padded.shape[1]
        depths[region] = 0
        if (neighbour := int(padded.flat[above])) != OUTSIDE:
            is_around = loop_of[np.searchsorted(sides, 4 * above + LOWER)] != first[neighbour]
            is_ground = values[neighbour] == unlabelled and not depths[neighbour]
            depths[region] = depths[neighbour] + int(is_around and not is_ground)
    return [
        Outline(int(values[region]), loops[first[region]], tuple(holes[region]), depth)
        for region, depth in depths.items()
        if values[region] != unlabelled or depth
    ]


def _walk(padded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sides that lie on outlines, sorted, as 4 * pixel + side; and the index of the one that follows each."""
    flat, width = padded.ravel(), padded.shape[1]
    inner = np.flatnonzero(flat != OUTSIDE)
    ahead, across = (1, width, -1, -width), (-width, 1, width, -1)
    sides, after = [], []
    for side in range(4):
        pixel = inner[flat[inner] != flat[inner + across[side]]]
        own, next_pixel = flat[pixel], pixel + ahead[side]
        turns_right = flat[next_pixel] != own
        turns_left = ~turns_right & (flat[next_pixel + across[side]] == own)
        next_pixel = np.where(turns_right, pixel, next_pixel + turns_left * across[side])
        sides.append(4 * pixel + side)
        after.append(4 * next_pixel + (side + turns_right - turns_left) % 4)
    order = np.argsort(np.concatenate(sides))
    sides = np.concatenate(sides)[order]
    return sides, np.searchsorted(sides, np.concatenate(after)[order])


def _loops(following: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The number of the loop of each side, and the sides of each loop in the order of the walk."""
    after, loop_of, walks = following.tolist(), [OUTSIDE] * len(following), []
    for side in range(len(after)):
        walk = []
        while loop_of[side] == OUTSIDE:
            loop_of[side] = len(walks)
            walk.append(side)
            side = after[side]
        if walk:
            walks.append(np.array(walk))
    return np.array(loop_of), walks


def _loop(walk: np.ndarray, sides: np.ndarray, width: int, is_junction: np.ndarray) -> Loop:
    """The corners at which the walk turns, or other regions meet."""
    pixel, side = np.divmod(sides[walk], 4)
    before = np.roll(side, 1)
    corners = np.stack([pixel % width, pixel // width], axis=1) - 1 + START[side]  # without the padding
    is_fixed = is_junction[corners[:, 1], corners[:, 0]]
    inward = (INWARD[side] + np.where((side != before)[:, None], INWARD[before], AHEAD[side])) / 2
    kept = is_fixed | (side != before)
    return Loop(corners[kept], inward[kept], is_fixed[kept])


def _meeting_sides(padded: np.ndarray) -> np.ndarray:
    """H+1 W+1: the number of outlines' sides that meet at each corner of a pixel."""
    across, down = padded[:, 1:] != padded[:, :-1], padded[1:] != padded[:-1]
    return across[1:].astype(int) + across[:-1] + down[:, 1:] + down[:, :-1]
