"""Plain TIFF files of any size by tifffile, where rasterio is not installed. Geographic tags are copied as they are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.palette import Colour
from segbox.data.rasters.source import BLOCK
from segbox.errors import DataError
from segbox.outputs import write_errors_named

PLACE = (33550, 33922, 34264, 34735, 34736, 34737)  # of GeoTIFF: scale, tie points, transform, the keys of the CRS
GEO_KEYS, NODATA = 34735, 42113  # the latter is GDAL's


class PlainTiff:
    def __init__(self, path: Path) -> None:
        import tifffile

        self.path = path
        try:
            with tifffile.TiffFile(path) as file:
                self.page = file.pages[0]
                self.starts, self.sizes = self.page.dataoffsets, self.page.databytecounts
                self.order = file.byteorder
                self.place = [
                    (tag.code, tag.dtype, tag.count, tag.value, True)
                    for tag in self.page.tags.values()
                    if tag.code in PLACE
                ]
                text = self.page.tags[NODATA].value if NODATA in self.page.tags else ""
        except (tifffile.TiffFileError, IndexError) as error:
            raise DataError(
                f"{path}: is no TIFF file, or it is damaged ({error}); other formats are read by rasterio:"
                ' pip install "segbox[geo]"'
            ) from error
        page = self.page
        self.height, self.width, self.dtype = page.imagelength, page.imagewidth, str(page.dtype)
        self.names = [""] * page.samplesperpixel
        if page.extrasamples and page.extrasamples[-1] in (1, 2):  # associated and unassociated alpha
            self.names[-1] = "alpha"
        self.nodata = float(text) if text else None
        self.choose(tuple(range(1, page.samplesperpixel + 1)))

    def choose(self, bands: tuple[int, ...]) -> None:
        self.bands, self.count = bands, len(bands)

    @property
    def is_placed(self) -> bool:
        return GEO_KEYS in self.page.tags

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        size = rows.stop - rows.start, columns.stop - columns.start, len(self.names)
        image = np.full(size, self.nodata or 0, self.page.dtype)  # of blocks that the file leaves out, as GDAL does it
        with self.path.open("rb") as file:
            blocks = self._rows(rows, columns) if self._is_of_rows() else self._blocks(file, rows, columns)
            for block, top, left, sample in blocks:
                to_rows, from_rows = overlap(rows, top, block.shape[0])
                to_columns, from_columns = overlap(columns, left, block.shape[1])
                image[to_rows, to_columns, sample : sample + block.shape[2]] = block[from_rows, from_columns]
        chosen = image[:, :, [band - 1 for band in self.bands]]
        return chosen if self.nodata is None else np.ma.masked_array(chosen, chosen == self.nodata)

    def _is_of_rows(self) -> bool:
        """Whether the values follow each other as they are. The only strip of such files may be the whole image."""
        return self.page.is_final and not self.page.is_tiled and self.sizes[0] > 0

    def _rows(self, rows: slice, columns: slice) -> Iterator[tuple[np.ndarray, int, int, int]]:
        """The window itself, plane by plane, as `_blocks` gives blocks."""
        planes, samples = (len(self.names), 1) if self.page.planarconfig == 2 else (1, len(self.names))
        shape = planes, self.height, self.width, samples
        try:
            image = np.memmap(self.path, self.page.dtype.newbyteorder(self.order), "r", self.starts[0], shape)
        except ValueError as error:
            raise DataError(f"{self.path}: is cut off or damaged ({error})") from error
        for plane in range(planes):
            yield image[plane, rows, columns], rows.start, columns.start, plane

    def _blocks(self, file: BinaryIO, rows: slice, columns: slice) -> Iterator[tuple[np.ndarray, int, int, int]]:
        """The tiles or strips that reach into a window: H W C, top, left, and the first sample."""
        page = self.page
        height, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, self.width)
        across, down = -(-self.width // width), -(-self.height // height)
        planes = len(self.names) if page.planarconfig == 2 else 1
        for plane in range(planes):
            for down_at in range(rows.start // height, -(-rows.stop // height)):
                for across_at in range(columns.start // width, -(-columns.stop // width)):
                    index = (plane * down + down_at) * across + across_at
                    block = self._decoded(file, index)
                    if block is not None:
                        yield block, down_at * height, across_at * width, plane

    def _decoded(self, file: BinaryIO, index: int) -> np.ndarray | None:
        """None for a block that the file leaves out."""
        page = self.page
        try:
            if not self.sizes[index]:
                return None
            file.seek(self.starts[index])
            data = file.read(self.sizes[index])
            if len(data) < self.sizes[index]:
                raise ValueError(f"it ends after {file.tell()} bytes")
            block, _, shape = page.decode(data, index, jpegtables=page.jpegtables)
            return block[0, : shape[1], : shape[2]]
        except Exception as error:  # of any decoder
            raise DataError(
                f"{self.path}: block {index} cannot be read ({error}); the file is cut off or damaged, or its"
                f" compression ({page.compression.name}) needs `pip install imagecodecs`"
            ) from error

    def write(self, path: Path, strips: Iterable[np.ndarray], classes: Sequence[str], palette: Sequence[Colour]) -> str:
        """Like GeoRaster's, without overviews."""
        import tifffile

        colours = np.zeros((3, 256), np.uint16)
        colours[:, : len(palette)] = np.array(palette, np.uint16).T * 257
        nodata = f"{IGNORE_INDEX}"
        with write_errors_named(path):
            tifffile.imwrite(
                path,
                tiles_of(strips, self.width),
                shape=(self.height, self.width),
                dtype=np.uint8,
                tile=(BLOCK, BLOCK),
                photometric="palette",
                colormap=colours,
                compression="zlib",
                bigtiff=self.height * self.width > 2**31,
                metadata=None,
                software=False,
                extratags=[*self.place, (NODATA, 2, len(nodata) + 1, nodata, True)],
            )
        return "tiled TIFF without overviews (rasterio adds them)"


def overlap(wanted: slice, start: int, length: int) -> tuple[slice, slice]:
    """Where a block lies in the wanted range, and the part of the block that is wanted."""
    first, last = max(wanted.start, start), min(wanted.stop, start + length)
    return slice(first - wanted.start, last - wanted.start), slice(first - start, last - start)


def tiles_of(strips: Iterable[np.ndarray], width: int) -> Iterator[np.ndarray]:
    """The tiles in the order of the file; those at the edges are filled up."""
    for strip in strips:
        for top in range(0, len(strip), BLOCK):
            for left in range(0, width, BLOCK):
                tile = strip[top : top + BLOCK, left : left + BLOCK]
                rest = ((0, BLOCK - tile.shape[0]), (0, BLOCK - tile.shape[1]))
                yield np.pad(tile, rest, constant_values=IGNORE_INDEX)
