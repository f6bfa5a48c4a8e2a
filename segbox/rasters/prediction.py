"""The class map of a raster of any size, in memory that does not depend on the size."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from segbox.data.rasters.source import Raster
from segbox.data.sample import as_tensor
from segbox.errors import ConfigError
from segbox.evaluation.inference import build_inference, window_and_stride
from segbox.evaluation.out_of_memory import scoring_explained
from segbox.evaluation.predictor import Predictor
from segbox.launch import Share
from segbox.outputs import new_file
from segbox.rasters.cells import STRIP, Cell, cells_of, panel_width, pieces, share_of
from segbox.rasters.parts import Parts
from segbox.rasters.window_rows import Sliding, WindowRows
from segbox.registry import call
from segbox.weights.digest import digest_of_weights

SIDE = 512  # pixels: the windows of a config that names none


def class_cells(predictor: Predictor, raster: Raster) -> Iterator[tuple[Cell, np.ndarray]]:
    """The class ids of a raster, cell by cell: (rows, columns) and bytes, 255 for nodata."""
    sliding = sliding_of(predictor)
    return computed(sliding, raster, cells_of(raster.height, raster.width, panel_of(sliding, raster)))


def predict_raster(
    predictor: Predictor, raster, target: Path, share: Share | None, show: Callable[[int, int], None]
) -> str | None:
    """Write the class map of a file that `open_raster` gives. Call `claim` for it before.

    With a share, only its strips are computed, and left in a folder beside the target. Returns what has been written.
    """
    sliding = sliding_of(predictor)
    panel = panel_of(sliding, raster)
    cells = cells_of(raster.height, raster.width, panel)
    parts = Parts(target, options_of(predictor, raster, sliding, panel))
    parts.begin()
    own = cells if share is None else share_of(cells, share.number, share.count)
    missing = parts.missing(own)
    before = len(own) - len(missing)
    show(before, len(own))
    for done, (cell, classes) in enumerate(computed(sliding, raster, missing), before + 1):
        parts.write(cell, classes)
        show(done, len(own))
    if share is not None:
        return None
    strips = (
        np.hstack([parts.read(Cell(rows, columns)) for columns in pieces(raster.width, panel)])
        for rows in pieces(raster.height, STRIP)
    )
    with new_file(target) as partial:
        kind = raster.write(partial, strips, predictor.classes, predictor.palette)
    parts.delete()
    return kind


def computed(sliding: Sliding, raster: Raster, cells: Sequence[Cell]) -> Iterator[tuple[Cell, np.ndarray]]:
    """Cells that lie below each other share the windows at their border."""
    rows = None
    for cell in cells:
        if rows is None or rows.columns != cell.columns:
            rows = WindowRows(sliding, raster, cell.columns)
        with torch.inference_mode(), scoring_explained(sliding.windows_per_batch, sliding.window, sliding.device):
            classes = rows.classes(cell.rows)
        yield cell, classes


def sliding_of(predictor: Predictor) -> Sliding:
    """Windows as `test` of the config says, even where its mode is "whole"."""
    test = dict(predictor.opened.config.get("test") or {})
    if tuple(test.get("scales", (1.0,))) != (1.0,):
        raise ConfigError(
            f"test.scales: {test['scales']}; a raster is predicted at its own scale: --cfg-options test.scales=[1.0]"
        )
    if predictor.pipeline.transforms:
        names = ", ".join(type(transform).__name__ for transform in predictor.pipeline.transforms)
        raise ConfigError(
            f"data.val.pipeline: {names}; a raster is predicted as it is. Bring it to the scale of the training images"
            ' (gdal_translate -outsize), and add --cfg-options "data.val.pipeline=[]"'
        )
    window, stride = window_and_stride(test.get("window", SIDE), test.get("stride"))
    one = {name: value for name, value in test.items() if name not in ("mode", "scales", "base_size")}
    predict = call(build_inference, one, "test", model=predictor.model)
    mean = predictor.model.mean.flatten().cpu().numpy()
    per_batch = test.get("windows_per_batch", 4)
    return Sliding(predict, window, stride, per_batch, mean.round() if predictor.bits < 32 else mean, predictor.device)


@torch.inference_mode()
def panel_of(sliding: Sliding, raster: Raster) -> int:
    """The columns of a panel, by the size of one window's scores."""
    size = min(sliding.window[0], raster.height), min(sliding.window[1], raster.width)
    image = np.broadcast_to(sliding.mean.astype(np.float32), (*size, raster.count))
    scores = sliding.predict(as_tensor(image)[None].to(sliding.device))
    height, width = scores.own_size
    return panel_width(4 * scores.shape[1] * height * width, size, sliding.stride)


def options_of(predictor: Predictor, raster, sliding: Sliding, panel: int) -> dict[str, object]:
    """What the class ids depend on."""
    known = raster.path.stat()
    return {
        "raster": [raster.path.name, known.st_size, known.st_mtime_ns],
        "bands": raster.bands,
        "weights": digest_of_weights(predictor.model),
        "window": sliding.window,
        "stride": sliding.stride,
        "test": str(sorted((predictor.opened.config.get("test") or {}).items())),
        "panel": panel,
        "reader": type(raster).__name__,
    }
