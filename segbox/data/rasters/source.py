"""What a raster is to segbox, which reader opens a file, and which of its bands are read."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from segbox.data.readers.format import KINDS
from segbox.errors import DataError, UserError, did_you_mean

BLOCK = 512  # pixels: the side of the tiles of class maps


class Raster(Protocol):
    """Anything that has a size and reads windows: a file, a Zarr array, a database.

    `read` gives rows x columns x count, the channels in the order of the model. Where it gives a masked array, masked
    pixels are nodata; so are values that are not finite.
    """

    height: int
    width: int
    count: int

    def read(self, rows: slice, columns: slice) -> np.ndarray: ...


def open_raster(path: Path, bands: str | None, channels: int, bits: int, option: str = "--bands"):
    """The raster of a file: by rasterio if it is installed, else a plain TIFF by tifffile. `option` is how the user
    says which bands, for messages."""
    if importlib.util.find_spec("rasterio"):
        from segbox.data.rasters.geo_raster import GeoRaster as Reader
    elif importlib.util.find_spec("tifffile"):
        from segbox.data.rasters.plain_tiff import PlainTiff as Reader
    else:
        raise UserError(
            'rasters are read by rasterio: pip install "segbox[geo]"; plain TIFF files by tifffile, too: pip install'
            ' "segbox[tifffile]"'
        )
    raster = Reader(path)
    raster.choose(chosen_bands(path, raster.names, bands, channels, option))
    check_depth(path, raster.dtype, bits)
    return raster


def check_there(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder; name one raster' if path.is_dir() else 'there is no such file'}")


def chosen_bands(
    path: Path, names: Sequence[str], bands: str | None, channels: int, option: str = "--bands"
) -> tuple[int, ...]:
    """The numbers of the bands, from 1. `names` holds those of the file; an unnamed band has an empty one."""
    listed = ", ".join(f"{i} ({name})" if name else str(i) for i, name in enumerate(names, 1))
    if bands is None:
        colours = len(names) - (names[-1] == "alpha")
        if colours != channels:
            raise DataError(
                f"{path}: has the bands {listed}; the model takes {channels} channel(s). Choose them by number or by"
                f" name, in the model's order: {option} {','.join(map(str, range(1, channels + 1)))}"
            )
        return tuple(range(1, channels + 1))
    chosen = tuple(band_number(path, word.strip(), names, listed) for word in bands.split(","))
    if len(chosen) != channels:
        raise UserError(f"{option} {bands}: {len(chosen)} band(s); the model takes {channels} channel(s)")
    return chosen


def band_number(path: Path, word: str, names: Sequence[str], listed: str) -> int:
    if word.isascii() and word.isdigit() and 1 <= int(word[:6]) <= len(names):
        return int(word)
    lower = [name.lower() for name in names]
    if word and lower.count(word.lower()) == 1:
        return lower.index(word.lower()) + 1
    why = "is the name of several bands" if word and word.lower() in lower else "is no band of it"
    raise DataError(f"{path}: {word!r} {why}; it has the bands {listed}.{did_you_mean(word, filter(None, names))}")


def check_depth(path: Path, dtype: str, bits: int) -> None:
    """A DataError for values in other units than those of the model's mean and std."""
    if dtype in KINDS[bits]:
        return
    target = {8: "Byte -scale LOW HIGH 0 255", 16: "UInt16", 32: "Float32"}[bits]
    raise DataError(
        f"{path}: its values are {dtype}; the model was trained on images of {bits} bits per channel"
        f" ({' or '.join(KINDS[bits])}), in whose units its mean and std are. Convert the raster as the training images"
        f" were: gdal_translate -ot {target} {path.name} converted.tif"
    )


def without_nodata(image: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image with the mean where there is no data, and H W: where there are data.

    A byte that equals nodata may be a dark pixel: bytes are nodata if all bands say so. Of other types, one band is
    enough.
    """
    masked = np.ma.getmaskarray(image)
    values = np.ma.getdata(image)
    missing = masked.all(axis=2) if values.dtype == np.uint8 else masked.any(axis=2)
    if values.dtype.kind == "f":
        missing = missing | ~np.isfinite(values).all(axis=2)
    if missing.any():
        values = values.copy()
        values[missing] = mean.astype(values.dtype)
    return values, ~missing
