"""Finished strips are found again, those of other options are not."""

import numpy as np
import pytest

from segbox.errors import UserError
from segbox.rasters.cells import Cell
from segbox.rasters.parts import Parts

CELL, OTHER = Cell(slice(0, 4), slice(0, 6)), Cell(slice(4, 6), slice(0, 6))


def test_what_was_written_is_read_and_no_longer_missing(tmp_path):
    parts = Parts(tmp_path / "map.tif", {"bands": (1, 2)})
    parts.begin()
    parts.begin()
    classes = np.arange(24, dtype=np.uint8).reshape(4, 6)
    parts.write(CELL, classes)
    assert parts.missing([CELL, OTHER]) == [OTHER] and (parts.read(CELL) == classes).all()
    parts.delete()
    assert not list(tmp_path.iterdir())


def test_other_options_are_refused_by_name(tmp_path):
    Parts(tmp_path / "map.tif", {"bands": (1, 2), "window": 5}).begin()
    other = Parts(tmp_path / "map.tif", {"bands": (2, 1), "window": 5})
    with pytest.raises(UserError, match=r"begun with other options: bands: \[1, 2\], now \[2, 1\]\. .*delete"):
        other.begin()
    assert other.file(CELL) != Parts(tmp_path / "map.tif", {"bands": (1, 2), "window": 5}).file(CELL)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "map.tif.parts").mkdir()
    with pytest.raises(UserError, match="is no folder of finished strips"):
        Parts(tmp_path / "map.tif", {}).begin()


def test_a_damaged_strip_is_named(tmp_path):
    parts = Parts(tmp_path / "map.tif", {})
    parts.begin()
    parts.write(CELL, np.zeros((4, 6), np.uint8))
    file = parts.file(CELL)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UserError, match=f"{file.name}: cannot be read"):
        parts.read(CELL)
