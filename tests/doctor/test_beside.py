import pytest

from segbox.doctor.beside import find_colours, find_palette, names_of_palette
from segbox.errors import DataError


def test_palettes_as_they_are_published(tmp_path):
    assert find_palette(tmp_path) is None and find_colours(tmp_path, ["sky"]) is None
    (tmp_path / "label_colors.txt").write_text("64 128 64\troad\n1 2 3\tsky\n0 0 0\tVoid\n")
    assert find_colours(tmp_path, ["sky", "road"]) == [(1, 2, 3), (64, 128, 64)]
    (tmp_path / "class_dict.csv").write_text("name, r, g, b\nroad,9,8,7\n")
    assert find_palette(tmp_path) == tmp_path / "class_dict.csv" and find_colours(tmp_path, ["sky"]) is None


def test_colours_of_16_bits_are_shown_as_bytes(tmp_path):
    (tmp_path / "palette.txt").write_text("road:65535,0,32896\n")
    assert find_colours(tmp_path, ["road"]) == [(255, 0, 128)]


def test_names_with_and_without_colours(tmp_path):
    (tmp_path / "labels.txt").write_text("road\nsky\n")
    assert find_palette(tmp_path) is None and names_of_palette(tmp_path) is None
    (tmp_path / "labels.txt").write_text("road:1,2,3\nsky:4,5,6\nvoid:0,0,0\n")
    assert names_of_palette(tmp_path) == ("road", "sky")


def test_a_palette_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "palette.txt").write_text("road #ff0000\n")
    with pytest.raises(DataError, match=r"palette\.txt: the palette says 'road #ff0000'"):
        find_palette(tmp_path)
    (tmp_path / "palette.txt").unlink()
    (tmp_path / "class_dict.csv").write_text("road,1,2,3\n")
    with pytest.raises(DataError, match=r"class_dict\.csv: expected the columns name,r,g,b"):
        find_palette(tmp_path)
