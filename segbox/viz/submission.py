"""Write predictions in the format of the official test servers: the ids and file names of the data set's labels.

ADE20K: ids from 1 on. Cityscapes: the ids of its 34 classes, NAME_pred_labelIds.png. Pascal VOC: PNGs with its
palette. Others: unchanged class ids. A data set is recognised by its classes.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segbox.data.datasets import ade20k, cityscapes, pascal_voc
from segbox.outputs import write_bytes
from segbox.viz.overlay import Palette, write_image

CITYSCAPES_IMAGE = "_leftImg8bit"


def submission_path(folder: Path, name: Path, classes: Sequence[str]) -> Path:
    """The file of a prediction. `name` is the image's, without suffix."""
    if tuple(classes) == cityscapes.CLASSES:
        return folder / f"{name.name.removesuffix(CITYSCAPES_IMAGE)}_pred_labelIds.png"
    return folder / name.parent / f"{name.name}.png"


def write_submission(path: Path, label: np.ndarray, classes: Sequence[str]) -> None:
    """Write one class map, H W."""
    classes = tuple(classes)
    if classes == pascal_voc.CLASSES:
        write_palette_png(path, label, pascal_voc.bit_colours(256))
        return
    if classes == cityscapes.CLASSES:
        label = np.array(cityscapes.LABEL_IDS, np.uint8)[label]
    elif classes == ade20k.CLASSES:
        label = label + np.uint8(1)
    write_image(path, label)


def describe_submission(classes: Sequence[str]) -> str:
    """A phrase for messages."""
    known = {pascal_voc.CLASSES: "Pascal VOC's server", cityscapes.CLASSES: "Cityscapes' server"}
    known[ade20k.CLASSES] = "ADE20K's server"
    server = known.get(tuple(classes))
    return "as class ids" if server is None else f"in the format of {server}"


def write_palette_png(path: Path, label: np.ndarray, palette: Palette) -> None:
    """Write bytes H W as a palette PNG, which OpenCV cannot do."""
    height, width = label.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each line begins with its filter type: 0
    lines[:, 1:] = label
    colours = np.array(palette, np.uint8).reshape(-1, 3)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
    content += chunk(b"PLTE", colours.tobytes()) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)) + chunk(b"IEND")
    write_bytes(path, content)


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
