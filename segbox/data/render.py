"""Apply a pending placement: pixels are resampled once, and only those that the output shows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import product

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.placement import Placement, Size, are_close, identity
from segbox.data.sample import Sample
from segbox.data.window import resize_window
from segbox.errors import ConfigError, DataError
from segbox.machine import too_large

BYTES_PER_PIXEL = 4  # of an image of three bytes and its label, at least
Colour = np.ndarray  # one number for each channel, of the image's own kind
CV2_DTYPES = {np.dtype(name) for name in ("uint8", "uint16", "int16", "float32", "float64")}


def pending(sample: Sample) -> Placement:
    """The placement to edit: the pending one, or the identity."""
    return sample.get("placement") or identity(sample["image"].shape[:2])


def with_placement(sample: Sample, placement: Placement) -> Sample:
    return {**sample, "placement": placement}


def last_row(sample: Sample, placement: Placement) -> int:
    """Where the rows of the image end that a placement needs."""
    return _needed_rectangle(placement, sample["image"].shape)[1].stop


def label_rows(sample: Sample, placement: Placement) -> np.ndarray:
    """The label, or those of its first rows that a placement needs."""
    source = sample.get("label_source")
    return sample["label"] if source is None else source.read(last_row(sample, placement))


def render(sample: Sample) -> Sample:
    """Apply the pending placement to image and label. Outside of the image is the `fill` of the sample."""
    if "placement" not in sample:
        return sample
    placement, image = sample["placement"], sample["image"]
    done = {key: value for key, value in sample.items() if key != "placement"}
    if placement.is_identity and placement.size == image.shape[:2]:
        return done
    if why := too_large(*placement.size, BYTES_PER_PIXEL):
        raise ConfigError(f"{sample['path']}: the pipeline makes it too large: {why}. Set smaller sizes or ratios")
    done["image"] = render_image(image, placement, sample.get("fill", 0))
    done["outside"] = Outside(done["image"], placement, image.shape[:2], _outside_of(sample))
    if "label" in sample:
        done["label"] = render_label(sample["label"], placement)
    return done


def recolour(sample: Sample, image: np.ndarray) -> Sample:
    """The sample with the colours of `image`; the fill outside of the image is kept."""
    outside = _outside_of(sample)
    if image is sample["image"] or outside is None:
        return {**sample, "image": image}
    outside.paint(image, colour_of(image, sample.get("fill", 0)))
    return {**sample, "image": image, "outside": replace(outside, image=image)}


@dataclass(frozen=True, eq=False)
class Outside:
    """Which pixels of a rendered image lie outside of its source; computed on demand.

    It is valid for the array `image` only: code that replaces the image without `recolour` may have moved its pixels.
    """

    image: np.ndarray
    placement: Placement
    source: Size
    before: "Outside | None"  # that of the source

    def paint(self, image: np.ndarray, colour: Colour) -> None:
        if self.placement.is_upright and self.before is None:
            _paint_around(image, *_axes(self.placement, self.source), colour)
        else:
            mask = self.mask()
            for channel, value in enumerate(colour):  # channel by channel is several times as fast
                np.copyto(image[:, :, channel], value, where=mask)

    def mask(self) -> np.ndarray:
        """H W."""
        source = np.zeros(self.source, np.uint8) if self.before is None else self.before.mask().astype(np.uint8)
        return render_label(source, self.placement) != 0


def _outside_of(sample: Sample) -> Outside | None:
    outside = sample.get("outside")
    return outside if outside is not None and outside.image is sample["image"] else None


def colour_of(image: np.ndarray, fill: Sequence[float] | float) -> Colour:
    """The fill in the dtype of the image; rounded for integers."""
    colour = np.asarray(fill, np.float64)
    if colour.shape not in ((), (1,), image.shape[2:]):
        raise DataError(f"the fill has {colour.size} numbers for an image of {image.shape[2]} channels")
    if image.dtype.kind in "iu":
        limits = np.iinfo(image.dtype)
        colour = np.rint(colour).clip(limits.min, limits.max)
    return np.broadcast_to(colour, image.shape[2:]).astype(image.dtype)


def render_label(label: np.ndarray, placement: Placement) -> np.ndarray:
    """Nearest neighbour; IGNORE_INDEX outside."""
    if placement.is_upright:
        rows, columns = _axes(placement, label.shape)
        inside = _picked(label, rows.nearest, columns.nearest)
        return _on_canvas(inside, rows, columns, placement.size, IGNORE_INDEX)
    return _warp(label, placement, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, IGNORE_INDEX)


def _picked(plane: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """plane[rows][:, columns], for indices that rise or fall."""
    if not len(rows) or not len(columns):
        return np.empty((len(rows), len(columns)), plane.dtype)
    first, last = sorted((int(columns[0]), int(columns[-1])))
    turned = cv2.transpose(plane[rows, first : last + 1])  # whole rows are copied seven times as fast as columns
    return cv2.transpose(turned[columns - first])


def render_image(image: np.ndarray, placement: Placement, fill: Sequence[float] | float = 0) -> np.ndarray:
    """Bilinear, after averaging blocks where it shrinks by two or more; the fill outside."""
    colour = colour_of(image, fill)
    if not placement.is_upright:
        return in_cv2(image, partial(_warp_into, placement), colour)
    rows, columns = _axes(placement, image.shape)
    if rows.is_empty or columns.is_empty:
        return np.full((*placement.size, *image.shape[2:]), colour, image.dtype)
    if rows.is_copied and columns.is_copied:
        inside = image[rows.as_slice(), columns.as_slice()]
    else:
        # Only the part with image is resampled, with its edge repeated: no seam of pixels mixed with the fill.
        window = placement.cropped(rows.start, columns.start, (rows.stop - rows.start, columns.stop - columns.start))
        inside = in_cv2(image, lambda part: _resize_or_warp(part, window))
    return _on_canvas(inside, rows, columns, placement.size, colour)


@dataclass(frozen=True)
class _Axis:
    """Along one side of the output: the range that shows the source, and the source index nearest to each pixel."""

    start: int
    stop: int
    nearest: np.ndarray
    is_copied: bool  # pixel by pixel, forward or backward

    @property
    def is_empty(self) -> bool:
        return self.start >= self.stop

    def as_slice(self) -> slice:
        first, last = int(self.nearest[0]), int(self.nearest[-1])
        if first <= last:
            return slice(first, last + 1)
        return slice(first, last - 1 if last else None, -1)


def _axes(placement: Placement, shape: tuple[int, ...]) -> tuple[_Axis, _Axis]:
    matrix, size = placement.matrix, placement.size
    return (
        _axis(matrix[1, 1], matrix[1, 2], shape[0], size[0]),
        _axis(matrix[0, 0], matrix[0, 2], shape[1], size[1]),
    )


@lru_cache(maxsize=8)  # image, label and what is outside of them ask for the same ones
def _axis(scale: float, shift: float, source: int, output: int) -> _Axis:
    centres = (np.arange(output) + 0.5 - shift) / scale
    inside = np.flatnonzero((centres > -1e-6) & (centres < source + 1e-6))
    start, stop = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
    nearest = np.floor(centres[start:stop] + 1e-6).astype(np.intp).clip(0, source - 1)
    nearest.flags.writeable = False
    is_copied = abs(abs(scale) - 1) < 1e-9 and abs(shift - round(shift)) < 1e-6
    return _Axis(start, stop, nearest, is_copied)


def _on_canvas(inside: np.ndarray, rows: _Axis, columns: _Axis, size: Size, fill: Colour | int) -> np.ndarray:
    if inside.shape[:2] == size:
        return np.ascontiguousarray(inside)
    canvas = np.empty((*size, *inside.shape[2:]), inside.dtype)
    _paint_around(canvas, rows, columns, fill)
    canvas[rows.start : rows.stop, columns.start : columns.stop] = inside
    return canvas


def _paint_around(canvas: np.ndarray, rows: _Axis, columns: _Axis, fill: Colour | int) -> None:
    planes = [(canvas, fill)] if canvas.ndim == 2 else [(canvas[:, :, i], value) for i, value in enumerate(fill)]
    for plane, value in planes:
        plane[: rows.start] = plane[rows.stop :] = value
        plane[rows.start : rows.stop, : columns.start] = plane[rows.start : rows.stop, columns.stop :] = value


def _resize_or_warp(image: np.ndarray, placement: Placement) -> np.ndarray:
    """An upright placement whose whole output shows the source."""
    fits = np.array([[placement.size[1] / image.shape[1], 0, 0], [0, placement.size[0] / image.shape[0], 0]])
    if are_close(placement.matrix[:2], fits):
        image, _ = _reduce(image, placement)
        return cv2.resize(image, placement.size[::-1], interpolation=cv2.INTER_LINEAR)
    resized = resize_window(image, placement) if _factors(placement) == (1, 1) else None
    return _warp(image, placement, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE, 0) if resized is None else resized


def _warp_into(placement: Placement, image: np.ndarray, colour: Colour) -> np.ndarray:
    return _warp(image, placement, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT, colour)


def _warp(image: np.ndarray, placement: Placement, interpolation: int, border: int, fill: Colour | int) -> np.ndarray:
    image, placement = _needed(image, placement)
    if 0 in image.shape[:2]:
        return np.full((*placement.size, *image.shape[2:]), fill, image.dtype)
    if interpolation != cv2.INTER_NEAREST:
        image, placement = _reduce(image, placement)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts from the centre of the first pixel
    inverse = np.linalg.inv(half) @ np.linalg.inv(placement.matrix) @ half
    flags = interpolation | cv2.WARP_INVERSE_MAP
    value = np.broadcast_to(fill, image.shape[2:] or 1).astype(float).tolist()
    return cv2.warpAffine(image, inverse[:2], placement.size[::-1], flags=flags, borderMode=border, borderValue=value)


def _needed(image: np.ndarray, placement: Placement) -> tuple[np.ndarray, Placement]:
    """The rectangle of the source that the output shows, and the placement relative to it."""
    columns, rows = _needed_rectangle(placement, image.shape)
    move = np.array([[1, 0, columns.start], [0, 1, rows.start], [0, 0, 1]])
    return image[rows, columns], Placement(placement.matrix @ move, placement.size)


def _needed_rectangle(placement: Placement, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Its columns and its rows."""
    height, width = placement.size
    x, y = zip(*(placement.source_of(*corner) for corner in product((0, width), (0, height))), strict=True)
    step_x, step_y = _factors(placement)
    # Starts are multiples of the reduction, so a pixel gets the same value in every crop.
    return slice(*_span(x, step_x, shape[1])), slice(*_span(y, step_y, shape[0]))


def _span(points: Sequence[float], step: int, length: int) -> tuple[int, int]:
    margin = 2 * step  # bilinear interpolation reads beyond the last centre
    start = max(0, math.floor(min(points)) - margin) // step * step
    stop = min(length, (math.ceil(max(points)) + margin) // step * step + step)
    return min(start, length), max(stop, 0)


def _reduce(image: np.ndarray, placement: Placement) -> tuple[np.ndarray, Placement]:
    """Average blocks of pixels first where bilinear interpolation would skip pixels and alias."""
    step_x, step_y = _factors(placement)
    if step_x == step_y == 1:
        return image, placement
    height, width = image.shape[:2]
    size = (-(-height // step_y), -(-width // step_x))
    small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    grow = np.diag([width / size[1], height / size[0], 1.0])
    return small, Placement(placement.matrix @ grow, placement.size)


def _factors(placement: Placement) -> tuple[int, int]:
    (xx, xy, _), (yx, yy, _) = placement.matrix[:2].tolist()
    return max(1, int(1 / math.hypot(xx, yx) + 1e-6)), max(1, int(1 / math.hypot(xy, yy) + 1e-6))


def in_cv2(image: np.ndarray, work: Callable[..., np.ndarray], *numbers: np.ndarray) -> np.ndarray:
    """Call `work` within the limits of OpenCV: its dtypes, up to four channels, no last axis of length one.

    `numbers` are arrays of one number per channel; `work` gets those of its channels.
    """
    if image.dtype not in CV2_DTYPES:
        done = in_cv2(image.astype(np.float64), work, *numbers)
        return (done if image.dtype.kind == "f" else np.rint(done)).astype(image.dtype)
    channels = image.shape[2]
    if channels <= 4:
        return _with_channels(work(image, *numbers))
    parts = [slice(i, i + 4) for i in range(0, channels, 4)]
    done = [work(np.ascontiguousarray(image[:, :, part]), *(own[part] for own in numbers)) for part in parts]
    return np.concatenate([_with_channels(part) for part in done], axis=2)


def _with_channels(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else image[:, :, None]
