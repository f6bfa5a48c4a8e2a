"""Windows of rasters that are larger than memory, as the images of a data set."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segbox import IGNORE_INDEX, distributed
from segbox.arguments import Count
from segbox.data.class_names import checked_classes
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.pairs import as_classes, label_table
from segbox.data.palette import checked_palette, default_palette
from segbox.data.rasters.labels import POLYGONS, Labels, PolygonLabels, RasterLabels
from segbox.data.rasters.source import check_there, open_raster, without_nodata
from segbox.data.readers.format import KINDS
from segbox.data.sample import Sample
from segbox.data.transforms.pipeline import PipelineConfig, as_pipeline
from segbox.errors import ConfigError, DataError, did_you_mean
from segbox.registry import DATASETS


class Window(NamedTuple):
    scene: int
    rows: slice
    columns: slice


@DATASETS.register
class RasterDataset(SegDataset):
    """Windows of `scenes`: pairs of a raster and its labels, files below `root`. No file is cut up.

    Labels are a raster of class ids on the same grid, or a GeoJSON file of polygons whose property `class_property` is
    a class (its name or its id); pixels outside of all polygons are ignored, or have the class `outside`. `bands` are
    numbers (from 1) or names, in the order of the model's channels. Windows lie side by side, those at the right and
    lower edges are smaller; a `stride` that is smaller than `window` lets them overlap, for training. Windows without a
    polygon are left out if what is outside is ignored. Pixels without data are ignored. In their
    paths the names of the scenes are followed by rows and columns: north@0-1024,2048-3072.tif.
    """

    def __init__(
        self,
        root: str,
        scenes: Sequence[Sequence[str]],
        classes: Sequence[str],
        palette: Sequence[Sequence[int]] | None = None,
        window: Count | Sequence[Count] = 1024,
        stride: Count | Sequence[Count] | None = None,
        bands: Sequence[str | int] | None = None,
        channels: int = 3,
        bits: int = 8,
        label_map: Mapping[int, int] | None = None,
        class_property: str = "class",
        outside: str | None = None,
        pipeline: PipelineConfig = (),
        transform_labels: bool = True,
        skip_unreadable: bool = False,
    ) -> None:
        if bits not in KINDS:
            raise ValueError(f"bits={bits!r}: expected 8 (bytes), 16 (10 to 14 bits are stored in 16), or 32 (floats)")
        self.root = Path(root).expanduser()
        self.classes = checked_classes(classes)
        self.palette = default_palette(len(classes)) if palette is None else checked_palette(palette, len(classes))
        self.bands = None if bands is None else ",".join(map(str, bands))
        self.channels, self.bits = channels, bits
        self.label_table = label_table(label_map or {}, len(classes))
        self.class_property, self.outside = class_property, id_outside(outside, self.classes)
        self.pipeline = as_pipeline(pipeline, transform_labels)
        self.transform_labels, self.skip_unreadable = transform_labels, skip_unreadable
        self.scenes = [(self.root / image, self.root / labels) for image, labels in checked_scenes(scenes)]
        self.window = pair(window)
        self.stride = self.window if stride is None else pair(stride)
        if self.stride[0] > self.window[0] or self.stride[1] > self.window[1]:
            raise ValueError(f"stride={stride!r}: larger than the window {window!r}, it would leave pixels out")
        self.polygons: dict[int, PolygonLabels] = {}  # of the scenes that have been opened
        self.windows = distributed.once_per_machine(lambda: [own for i in range(len(scenes)) for own in self._of(i)])
        if not self.windows:
            raise DataError(f"{self.root}: none of the polygons of {len(scenes)} scenes lies on its scene")

    def _of(self, scene: int) -> list[Window]:
        """The windows of a scene that may have labels."""
        raster, labels = self._open(scene)
        every = (
            Window(scene, rows, columns)
            for rows in parts(raster.height, self.window[0], self.stride[0])
            for columns in parts(raster.width, self.window[1], self.stride[1])
        )
        return [own for own in every if labels.may_have(own.rows, own.columns)]

    def _open(self, scene: int) -> tuple[Any, Labels]:
        """Its raster and its labels. Opened for each window: open files of GDAL cannot be shared with workers."""
        image, labels = self.scenes[scene]
        check_there(image)
        check_there(labels)
        raster = open_raster(image, self.bands, self.channels, self.bits, option="the data set's bands=")
        if labels.suffix.lower() not in POLYGONS:
            return raster, RasterLabels(labels, raster)
        if scene not in self.polygons:
            own = PolygonLabels(labels, raster, self.classes, self.class_property, self.outside)
            self.polygons[scene] = own
        return raster, self.polygons[scene]

    def __len__(self) -> int:
        return len(self.windows)

    def load(self, index: int) -> Sample:
        scene, rows, columns = self.windows[index]
        raster, labels = self._open(scene)
        values = raster.read(rows, columns)
        fill = np.broadcast_to(np.asarray(self.fill, float), self.channels)
        image, valid = without_nodata(values, fill)
        label = np.where(valid, as_classes(labels.read(rows, columns), self.label_table), IGNORE_INDEX).astype(np.uint8)
        place = f"@{rows.start}-{rows.stop},{columns.start}-{columns.stop}"
        paths = [str(path.with_name(f"{path.stem}{place}{path.suffix}")) for path in self.scenes[scene]]
        return {"image": image, "label": label, "path": paths[0], "label_path": paths[1], "size": label.shape}


def parts(length: int, window: int, stride: int) -> Iterator[slice]:
    """Ranges that cover `length`; the last one is shorter if the length asks for it."""
    for start in range(0, max(1, length - window + stride), stride):
        yield slice(start, min(start + window, length))


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def checked_scenes(scenes: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    if not scenes:
        raise ConfigError("scenes=[]: expected one or more pairs: a raster, and its labels")
    for scene in scenes:
        if isinstance(scene, str) or len(scene) != 2:
            raise ConfigError(f'scenes: {scene!r} is no pair of a raster and its labels, ("a.tif", "a_classes.tif")')
    return scenes


def id_outside(name: str | None, classes: Sequence[str]) -> int:
    if name is None:
        return IGNORE_INDEX
    if name not in classes:
        raise ConfigError(
            f"outside={name!r}: is no class, there are {', '.join(classes)}.{did_you_mean(name, classes)}"
        )
    return list(classes).index(name)
