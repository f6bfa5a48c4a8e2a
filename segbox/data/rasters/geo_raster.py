"""Rasters that GDAL knows, by rasterio: their windows, and the class map beside them as a cloud-optimized GeoTIFF."""

import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.palette import Colour
from segbox.data.rasters.source import BLOCK
from segbox.errors import DataError, UserError

CACHE = 64  # MB of decoded blocks; GDAL would take 5 % of the memory
SETTINGS = {"GDAL_CACHEMAX": CACHE, "GDAL_PAM_ENABLED": "NO"}  # no .aux.xml files
TILES = {"compress": "deflate", "BIGTIFF": "IF_SAFER"}


class GeoRaster:
    def __init__(self, path: Path) -> None:
        import rasterio

        self.path = path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            try:
                self.file = rasterio.open(path)
                self.transform = self.file.transform  # the identity if there is none: that warns
            except rasterio.errors.RasterioIOError as error:
                raise DataError(f"{path}: is no raster that GDAL reads, or it is damaged ({error})") from error
        if not self.file.count:
            raise DataError(f"{path}: holds several data sets and no raster of its own; extract one of them")
        self.height, self.width = self.file.height, self.file.width
        named = zip(self.file.descriptions, self.file.colorinterp)
        self.names = [given or (colour.name if colour.name != "undefined" else "") for given, colour in named]
        self.choose(tuple(range(1, self.file.count + 1)))

    def choose(self, bands: tuple[int, ...]) -> None:
        self.bands, self.count = bands, len(bands)
        self.dtype = str(np.result_type(*(self.file.dtypes[band - 1] for band in bands)))

    @property
    def is_placed(self) -> bool:
        return self.file.crs is not None

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        import rasterio

        window = ((rows.start, rows.stop), (columns.start, columns.stop))
        try:
            with rasterio.Env(**SETTINGS):
                image = self.file.read(self.bands, window=window, masked=True)
        except rasterio.errors.RasterioError as error:
            why = error.__cause__ or error
            raise DataError(
                f"{self.path}: rows {rows.start} to {rows.stop} cannot be read; the file is cut off or damaged: copy or"
                f" download it again ({why})"
            ) from error
        return np.moveaxis(image, 0, 2)

    def write(self, path: Path, strips: Iterable[np.ndarray], classes: Sequence[str], palette: Sequence[Colour]) -> str:
        """Write the class map from its strips of rows, top to bottom. Returns what has been written."""
        import rasterio
        from rasterio.shutil import copy

        plain = path.with_name(f"{path.stem}_plain.tif")
        profile = {"driver": "GTiff", "height": self.height, "width": self.width, "count": 1, "dtype": "uint8"}
        profile |= {"crs": self.file.crs, "transform": self.transform, "nodata": IGNORE_INDEX, "tiled": True}
        profile |= {"blockxsize": BLOCK, "blockysize": BLOCK, **TILES}
        try:
            with gdal_errors_named(path), rasterio.Env(**SETTINGS):
                with rasterio.open(plain, "w", **profile) as file:
                    file.write_colormap(1, dict(enumerate(map(tuple, palette))))
                    file.update_tags(1, **{f"class_{i}": name for i, name in enumerate(classes)})
                    top = 0
                    for strip in strips:
                        file.write(strip, 1, window=((top, top + len(strip)), (0, self.width)))
                        top += len(strip)
                copy(plain, path, driver="COG", blocksize=BLOCK, overview_resampling="mode", **TILES)
        finally:
            plain.unlink(missing_ok=True)
        return "cloud-optimized GeoTIFF with overviews"


@contextmanager
def gdal_errors_named(path: Path) -> Iterator[None]:
    import rasterio
    from rasterio._err import CPLE_BaseError  # what rasterio lets through of a full disk

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            yield
        except (rasterio.errors.RasterioError, CPLE_BaseError) as error:
            free = shutil.disk_usage(path.parent).free / 1e6  # GDAL does not say that a disk is full
            raise UserError(
                f"{path.parent}: the class map could not be written: {error.__cause__ or error} ({free:.1f} MB were"
                " free there)"
            ) from error
