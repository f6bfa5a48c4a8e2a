"""What a reader of a file format does. `files.FORMATS` lists the readers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from segbox.data.readers import opencv
from segbox.data.readers.orientation import UPRIGHT, find_tag
from segbox.errors import DataError

KINDS = {8: ("uint8",), 16: ("uint16", "int16"), 32: ("float32",)}  # what images of so many bits are made of
MOST_CHANNELS = 4  # of all formats but TIFF
Rows = Callable[[int], np.ndarray]


@dataclass(frozen=True, slots=True)
class Header:
    channels: int
    bits: int  # per channel
    orientation: int = UPRIGHT  # EXIF's; from 5 on, height and width change places

    @property
    def depth(self) -> int:
        """The bits that its values take once they are read: 12 bits are stored in 16."""
        return next((bits for bits in KINDS if self.bits <= bits), self.bits)


class ClaimedSize(NamedTuple):
    """The size that a file claims, which may be a stranger's lie: the largest of any page."""

    height: int
    width: int
    channels: int = MOST_CHANNELS  # at most, in all pages together


class Format:
    """The reader of formats that need no more than OpenCV: BMP, GIF, PPM and others. Subclasses are for one format."""

    def fits(self, data: bytes) -> bool:
        """Whether the file begins as files of this format do."""
        return True

    def check(self, data: bytes) -> None:
        """Before decoding: DataError for files that are cut off, or that claim more than they hold."""

    def check_undecodable(self, data: bytes) -> None:
        """After decoding has failed: DataError where the reason is known."""

    def upright(self, data: bytes) -> bytes:
        """The file as OpenCV decodes it without turning it."""
        return data

    def exif_blocks(self, data: bytes) -> Iterator[int]:
        """Where TIFF headers begin whose directory may hold the orientation."""
        return iter(())

    def orientation(self, data: bytes) -> int:
        """1 to 8, as EXIF numbers them; 1 where the file does not say it, or is damaged there."""
        return find_tag(data, self.exif_blocks(data)).value

    def header(self, data: bytes) -> Header | None:
        """None where the file is damaged. `data` may be a memory map."""
        image = opencv.decode_anything(data[:])
        if image is None:
            return None
        channels = opencv.channels_last(image).shape[2]
        return Header(channels, 8 * image.dtype.itemsize, self.orientation(data))

    def claimed_size(self, data: bytes) -> ClaimedSize | None:
        """For how much decoding would take memory, read from the header; None where it does not say it."""
        return None

    def is_for_opencv(self, data: bytes) -> bool:
        """Whether `opencv.decode_bytes` reads all of it."""
        return True

    def stored(self, data: bytes) -> np.ndarray:
        """H W C in RGB order, the channels and values of the file."""
        return opencv.decode_stored(data)

    def rows(self, data: bytes, channels: int) -> Rows | None:
        """`opencv.decode_bytes` of the first rows, as many as asked for; None where that is not possible."""
        return None

    def label_rows(self, data: bytes) -> Rows | None:
        """`label` of the first rows, H W of bytes, in the same way."""
        return None

    def label(self, data: bytes) -> np.ndarray:
        """H W, or H W C of a file that is not a mask; of a palette the indices, where the format has them."""
        return opencv.decode(data)


def cut_off(data: bytes) -> DataError:
    return DataError(f"the file is cut off after {len(data)} bytes; copy or download it again")
