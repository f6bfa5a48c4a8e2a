"""The result of one picture, in the forms in which a server gives it."""

import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segbox.data.readers.files import decode_image
from segbox.evaluation.predictor import Predictor
from segbox.serve.worker import Worker
from segbox.viz.areas import AreaTable, pixels_per_class
from segbox.viz.certainty import as_grey
from segbox.viz.overlay import colour_map, encoded, overlay
from segbox.viz.predictions import overlay_with_legend

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Result:
    image: np.ndarray  # H W C, as the model got it
    label: np.ndarray  # H W
    confidence: np.ndarray  # H W
    predictor: Predictor
    model: str
    name: str  # of the picture
    seconds: float  # for decoding and the model


def segment(worker: Worker, data: bytes, name: str, is_wanted: Callable[[], bool]) -> Result:
    """The result for the content of an image file. DataError if it is damaged, or no image for this model.

    `is_wanted` is asked when the model is free.
    """
    predictor, image, seconds = worker.predictor, None, 0.0

    def read() -> np.ndarray:
        nonlocal image, seconds
        start = time.perf_counter()
        image = decode_image(data, predictor.channels, predictor.bits, predictor.exif)
        seconds = time.perf_counter() - start
        return image

    maps = worker.run(read, is_wanted)
    return Result(image, maps.label, maps.confidence, predictor, worker.name, name, seconds + maps.seconds)


def summary(result: Result) -> dict[str, Any]:
    """What `output=json` says."""
    height, width = result.label.shape
    return {
        "model": result.model,
        "width": width,
        "height": height,
        "seconds": round(result.seconds, 4),
        "mean_confidence": round(float(result.confidence.mean(dtype=np.float64)), 6),
        "areas": areas(result),
    }


def areas(result: Result) -> list[dict[str, Any]]:
    """Of all classes, in the order of their ids."""
    classes, palette = result.predictor.classes, result.predictor.palette
    counts = pixels_per_class(result.label, len(classes)).tolist()
    return [
        {"id": i, "class": name, "color": [int(c) for c in palette[i]], "pixels": n, "share": n / result.label.size}
        for i, (name, n) in enumerate(zip(classes, counts))
    ]


def areas_csv(result: Result) -> bytes:
    """The table that `segbox predict --save areas` writes."""
    file = io.StringIO(newline="")
    AreaTable(Path("areas.csv"), file, "image", result.predictor.classes).add(result.name, result.label)
    return file.getvalue().encode("utf-8")


def overlay_jpeg(result: Result) -> bytes:
    picture = overlay(result.image, result.label, result.predictor.palette)
    return encoded(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


OUTPUTS: Mapping[str, tuple[str, Callable[[Result], bytes]]] = {  # name: media type, content; as `predict --save`
    "json": ("application/json", lambda result: json.dumps(summary(result)).encode() + b"\n"),
    "mask": ("image/png", lambda result: encoded(result.label, ".png")),
    "color": ("image/png", lambda result: encoded(colour_map(result.label, result.predictor.palette), ".png")),
    "overlay": (
        "image/png",
        lambda result: encoded(overlay_with_legend(result.image, result.label, result.predictor), ".png"),
    ),
    "confidence": ("image/png", lambda result: encoded(as_grey(result.confidence), ".png")),
    "areas": ("text/csv; charset=utf-8", areas_csv),
}
