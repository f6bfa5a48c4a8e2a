"""Files that scipy wrote."""

import base64

import numpy as np
import pytest

from segbox.convert.matlab import read_array
from segbox.errors import DataError

HEADER = b"MATLAB 5.0 MAT-file, written by scipy".ljust(124) + b"\0\1"
# GTcls: Boundaries (a cell of sparse matrices), Segmentation (uint8, 0 to 11), CategoriesPresent; compressed
GTCLS = (
    "SU0PAAAAxgAAAHicdVDLCsIwENykDxuVIsWDX+LVogevgh68Fg2loC20FfxsP8FszdJlsYFlN5PJDLMpAGw0QOx64sqNw4n8XbFC7Hi5PbphDiHz"
    "+NbVvnnV96KtbOcF4GzLp637oq+a+occit6WDXJOre3cm8NS9FGjvxL+mvmD579h5CMvYPzAF9dZ+lmJfCuB4z+D+6AI8NnJjv5X4U+7If9Q+FNf"
    "w/QxLF/O9Amf0teUL0xUZHQ8D2aLfzqx0KHMpGPYPsa8kH8Bo5kanQ=="
)
LABEL_MAP = (
    "SU0PAAAARQAAAHic42NgYAgAYjYg5gBibgYIYIXymYGYBYgZoXyfxKTUHN/EApCYBFjlAgYHRg2GEwwZjAEMHxgmMFYwSDDuYAQA2wgJBA=="
)


def scipys(path, content):
    path.write_bytes(HEADER + base64.b64decode(content))
    return path


def test_a_field_of_a_struct_and_a_variable(tmp_path):
    mask = read_array(scipys(tmp_path / "a.mat", GTCLS), "GTcls", "Segmentation")
    assert mask.dtype == np.uint8 and (mask == np.arange(12).reshape(3, 4)).all()
    labels = read_array(scipys(tmp_path / "b.mat", LABEL_MAP), "LabelMap")
    assert labels.dtype == np.uint16 and (labels == 40 * np.arange(12).reshape(3, 4)).all()


def test_what_is_wrong_is_told(tmp_path):
    path = scipys(tmp_path / "a.mat", GTCLS)
    with pytest.raises(DataError, match=r"a\.mat: holds no GTcls\.Sement"):
        read_array(path, "GTcls", "Sement")
    with pytest.raises(DataError, match="holds no LabelMap"):
        read_array(path, "LabelMap")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"a\.mat: is damaged"):
        read_array(path, "GTcls", "Segmentation")
    path.write_bytes(b"no")
    with pytest.raises(DataError, match="not a little-endian MATLAB 5 file"):
        read_array(path, "GTcls", "Segmentation")
