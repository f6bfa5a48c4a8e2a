"""Predict batches of columns, as Ray Data, Dask and Spark hand them over: NumPy arrays in, NumPy arrays out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from segbox.data.readers.files import decode_image
from segbox.errors import ConfigError, DataError, did_you_mean
from segbox.evaluation.batches import batches_of
from segbox.evaluation.predictor import Predictor
from segbox.viz.areas import pixels_per_class
from segbox.viz.certainty import predicted_maps
from segbox.viz.overlay import encoded
from segbox.viz.prediction import as_image

SOURCES = ("image", "bytes", "path")  # columns; the first that is there is read
COLUMNS = ("classes", "mask", "areas", "confidence", "entropy", "probs")
ERROR = "error"
Maps = dict[str, np.ndarray]


def check_columns(names: Sequence[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            raise ConfigError(f"{name!r} is none of {', '.join(COLUMNS)}.{did_you_mean(name, COLUMNS)}")


def predict_columns(predictor: Predictor, batch: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The columns of the batch but its images, those of `names`, and `error`: empty, or why a row has no prediction."""
    source = next((name for name in SOURCES if name in batch), None)
    if source is None:
        raise DataError(f"the batch has the columns {', '.join(batch)}; it needs one of {', '.join(SOURCES)}")
    images: list[np.ndarray | None] = []
    errors = []
    for given in batch[source]:
        image, error = opened(predictor, source, given)
        images.append(image)
        errors.append(error)
    maps = maps_of(predictor, images, names)
    kept = {name: values for name, values in batch.items() if name not in ("image", "bytes")}
    made = {name: column([row and VALUES[name](row, predictor) for row in maps], name) for name in names}
    return {**kept, **made, ERROR: np.array(errors, dtype=object)}


def opened(predictor: Predictor, source: str, given: Any) -> tuple[np.ndarray | None, str]:
    """The image of a row, or what is wrong with it."""
    try:
        if source == "bytes":
            return decode_image(bytes(given), predictor.channels, predictor.bits, predictor.exif), ""
        return as_image(str(given) if source == "path" else np.asarray(given), predictor), ""
    except DataError as error:
        return None, str(error)


def maps_of(predictor: Predictor, images: Sequence[np.ndarray | None], names: Sequence[str]) -> list[Maps | None]:
    """The maps of each image; those of one size go through the model together."""
    found: list[Maps | None] = [None] * len(images)
    rows = (i for i, image in enumerate(images) if image is not None)
    sizes = batches_of(rows, lambda i: images[i].shape, lambda i: predictor.images_per_batch(images[i]))
    for batch in sizes:
        maps = predicted_maps(predictor, np.stack([images[i] for i in batch]), names)
        for place, i in enumerate(batch):
            found[i] = {kind: values[place] for kind, values in maps.items()}
    return found


VALUES: dict[str, Callable[[Maps, Predictor], Any]] = {
    "classes": lambda maps, predictor: maps["label"],
    "mask": lambda maps, predictor: encoded(maps["label"], ".png"),
    "areas": lambda maps, predictor: pixels_per_class(maps["label"], len(predictor.classes)),
    "confidence": lambda maps, predictor: maps["confidence"],
    "entropy": lambda maps, predictor: maps["entropy"],
    "probs": lambda maps, predictor: maps["probs"].astype(np.float16),
}
EMPTY: dict[str, Any] = {  # of rows with an error
    "classes": np.zeros((0, 0), np.uint8),
    "mask": b"",
    "areas": np.zeros(0, np.int64),
    "confidence": np.zeros((0, 0), np.float32),
    "entropy": np.zeros((0, 0), np.float32),
    "probs": np.zeros((0, 0, 0), np.float16),
}


def column(values: Sequence[Any], name: str) -> np.ndarray:
    """One array where all rows have one shape, and an array of objects where not."""
    rows = [EMPTY[name] if value is None else value for value in values]
    if name != "mask" and len({row.shape for row in rows}) == 1:
        return np.stack(rows)
    made = np.empty(len(rows), dtype=object)
    made[:] = rows
    return made
