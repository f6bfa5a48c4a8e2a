"""The places of one image where a model contradicts the label: connected regions, without the rims of borders.

A rim lies near pixels of both classes on which label and prediction agree: the border between them is drawn a little
elsewhere. A region that has only one of the two near it is no rim, however thin it is: a pole that the label lacks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segbox import IGNORE_INDEX

RIM = 0.0075  # of the image's diagonal: its width
SMALLEST = 1 / 4000  # of the image's pixels: smaller places are not listed
FEWEST = 16  # pixels of a place, at least
HALF = 0.5  # a place that has this share of an object stands for the object
CODES = 256  # label * CODES + prediction

WRONG_CLASS = "wrong class"
MISSING = "missing object"
NOT_THERE = "object that is not there"
BORDER = "wrong border"
SWAPPED = "swapped classes"
SENTENCES = {
    WRONG_CLASS: "likely wrong class: labelled {labelled}, model says {predicted}",
    MISSING: "missing object: model says {predicted} inside what is labelled {labelled}",
    NOT_THERE: "object that is not there: labelled {labelled}, model says {predicted}, as around it",
    BORDER: "likely wrong border: labelled {labelled}, model says that {predicted} extends to here",
    SWAPPED: "swapped classes in the whole image: labelled {labelled}, model says {predicted}, and the reverse",
}

Point = tuple[int, int]  # x, y


@dataclass(slots=True)
class Place:
    """A region where label and prediction differ. `confidence` and `odds` are means over its pixels: the probability of
    the predicted class, and the logarithm of it minus that of the labelled class. The ranking sets `score`."""

    index: int  # of the image in its data set
    path: str
    kind: str
    labelled: int
    predicted: int
    pixels: int
    box: tuple[int, int, int, int]  # x, y, width, height
    point: Point  # its innermost pixel
    confidence: float
    odds: float
    score: float = 0.0

    def sentence(self, classes: Sequence[str]) -> str:
        """What is likely wrong, in words."""
        what = SENTENCES[self.kind].format(labelled=classes[self.labelled], predicted=classes[self.predicted])
        return f"{what} ({self.confidence:.2f})"

    def where(self) -> str:
        x, y, width, height = self.box
        return f"{self.pixels:,} pixels at x={x}..{x + width - 1}, y={y}..{y + height - 1}"


def find_places(
    index: int, path: str, label: np.ndarray, prediction: np.ndarray, best: np.ndarray, own: np.ndarray
) -> list[Place]:
    """All places of an image. `best` and `own` are the log-probabilities of the predicted and of the labelled class;
    all arrays are H W."""
    fewest = max(FEWEST, round(SMALLEST * label.size))
    found = []
    for labelled, predicted, core in cores(label, prediction, fewest):
        for inside, (x, y, width, height) in regions(core, fewest):
            sure, other = (values[y : y + height, x : x + width][inside] for values in (best, own))
            point = innermost(inside, x, y)
            found.append(
                Place(
                    index,
                    path,
                    kind_of(label, prediction, point, int(inside.sum())),
                    labelled,
                    predicted,
                    int(inside.sum()),
                    (x, y, width, height),
                    point,
                    confidence=float(np.exp(sure).mean()),
                    odds=float((sure - other).mean()),
                )
            )
    return with_swaps_joined(found, label, prediction)


def cores(label: np.ndarray, prediction: np.ndarray, fewest: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """For each pair of labelled and predicted class, the pixels (1, else 0) that are not in a rim between the two."""
    is_wrong = (label != prediction) & (label != IGNORE_INDEX)
    codes = np.where(is_wrong, label.astype(np.int32) * CODES + prediction, -1)
    agreed = np.where(is_wrong, IGNORE_INDEX, label)
    near: dict[int, np.ndarray] = {}
    for code in np.flatnonzero(np.bincount(codes[is_wrong]) >= fewest).tolist():
        labelled, predicted = divmod(code, CODES)
        near |= {own: near_class(agreed, own) for own in (labelled, predicted) if own not in near}
        yield labelled, predicted, ((codes == code) & ~(near[labelled] & near[predicted])).astype(np.uint8)


def near_class(ids: np.ndarray, own: int) -> np.ndarray:
    """Pixels that are no farther from a pixel of the class than a rim is wide."""
    width = max(2, round(RIM * float(np.hypot(*ids.shape))))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    return cv2.dilate((ids == own).astype(np.uint8), disk) > 0


def regions(core: np.ndarray, fewest: int) -> Iterator[tuple[np.ndarray, tuple[int, int, int, int]]]:
    """The connected parts with at least so many pixels: each as a mask inside its box (x, y, width, height)."""
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    for number in range(1, count):
        x, y, width, height, pixels = boxes[number].tolist()
        if pixels >= fewest:
            yield parts[y : y + height, x : x + width] == number, (x, y, width, height)


def innermost(inside: np.ndarray, x: int, y: int) -> Point:
    """The pixel of a mask that is farthest from its edge; `x` and `y` are those of the mask's corner."""
    depth = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return x + int(column) - 1, y + int(row) - 1


def kind_of(label: np.ndarray, prediction: np.ndarray, point: Point, pixels: int) -> str:
    """Whether the place has most of the object that is labelled there, and of the one that is predicted there."""
    has_labelled, has_predicted = (pixels >= HALF * object_size(ids, point) for ids in (label, prediction))
    if has_labelled:
        return WRONG_CLASS if has_predicted else NOT_THERE
    return MISSING if has_predicted else BORDER


def object_size(ids: np.ndarray, point: Point) -> int:
    """The number of pixels that are connected with the point by its own class."""
    seen = np.zeros((ids.shape[0] + 2, ids.shape[1] + 2), np.uint8)
    return cv2.floodFill(np.ascontiguousarray(ids), seen, point, 0, flags=4 | cv2.FLOODFILL_MASK_ONLY)[0]


def with_swaps_joined(places: list[Place], label: np.ndarray, prediction: np.ndarray) -> list[Place]:
    """One place for two classes that the whole image has in exchange: most of each is predicted as the other."""
    pairs = {(place.labelled, place.predicted) for place in places}
    for a, b in sorted(pairs):
        if a < b and (b, a) in pairs and is_mostly(a, b, label, prediction) and is_mostly(b, a, label, prediction):
            own = [place for place in places if {place.labelled, place.predicted} == {a, b}]
            places = [place for place in places if place not in own] + [joined(own)]
    return places


def is_mostly(labelled: int, predicted: int, label: np.ndarray, prediction: np.ndarray) -> bool:
    return (prediction[label == labelled] == predicted).mean() > HALF


def joined(places: Sequence[Place]) -> Place:
    """The places as one, with the classes and the point of the largest."""
    largest = max(places, key=lambda place: place.pixels)
    pixels = np.array([place.pixels for place in places])
    corners = np.array([(x, y, x + width, y + height) for x, y, width, height in (place.box for place in places)])
    (left, top), (right, bottom) = corners[:, :2].min(axis=0).tolist(), corners[:, 2:].max(axis=0).tolist()
    return Place(
        largest.index,
        largest.path,
        SWAPPED,
        largest.labelled,
        largest.predicted,
        int(pixels.sum()),
        (left, top, right - left, bottom - top),
        largest.point,
        confidence=float(np.average([place.confidence for place in places], weights=pixels)),
        odds=float(np.average([place.odds for place in places], weights=pixels)),
    )
