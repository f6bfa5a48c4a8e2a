import numpy as np
import pytest

from segbox.convert.rgb import read_palette
from segbox.data.datasets.folder import FolderDataset
from segbox.errors import DataError
from tests.convert.made import SIZE, convert, mask_of, write_picture
from tests.doctor.broken_set import turn
from tests.faulty_data import blocky_label, smooth_image, write_deep_png, write_image

PALETTE = ["sky:70,130,180", "road:128,64,128", "car:0,0,142", "void:0,0,0"]
COLOURS = np.array([(70, 130, 180), (128, 64, 128), (0, 0, 142), (0, 0, 0)], np.uint8)
IDS = blocky_label(*SIZE)
EXPECTED = np.array([0, 1, 2, 255], np.uint8)[IDS]


def make(root, masks="masks", suffix=".png", names=("train/a", "val/b")):
    for name in names:
        write_picture(root / f"images/{name}.jpg")
        write_image(root / f"{masks}/{name}{suffix}", COLOURS[IDS])
    return root


def test_colours_become_ids(tmp_path):
    make(tmp_path / "src", "labels", "_L.png")
    convert("rgb", tmp_path / "src", tmp_path / "out", palette=PALETTE, mask_suffix="_L")
    assert (mask_of(tmp_path / "out", "val/b") == EXPECTED).all()
    dataset = FolderDataset(str(tmp_path / "out"), "train")
    assert dataset.classes == ("sky", "road", "car") and (dataset.load(0)["label"] == EXPECTED).all()
    assert (tmp_path / "out/palette.txt").read_text().splitlines() == PALETTE
    again = [str(tmp_path / "out/palette.txt")]
    assert convert("rgb", tmp_path / "src", tmp_path / "out", palette=again, mask_suffix="_L").skipped == 2


def test_colours_are_found(tmp_path):
    make(tmp_path / "src")
    convert("rgb", tmp_path / "src", tmp_path / "out")
    assert (tmp_path / "out/classes.txt").read_text().split() == [
        "colour_000000",
        "colour_00008e",
        "colour_4682b4",
        "colour_804080",
    ]
    assert (mask_of(tmp_path / "out", "val/b") == np.array([2, 3, 1, 0], np.uint8)[IDS]).all()


def test_a_strange_colour_is_told_with_its_count_and_can_be_taken_for_the_nearest(tmp_path):
    make(tmp_path / "src", names=["a"])
    picture = COLOURS[IDS]
    picture[IDS == 1] += np.array([1, 2, 0], np.uint8)
    write_image(tmp_path / "src/masks/a.png", picture)
    count = int((IDS == 1).sum())
    problem = convert("rgb", tmp_path / "src", tmp_path / "out", palette=PALETTE).problems[0]
    assert f"a.png: 1 colours are not in the palette: (129, 66, 128) in {count} pixels; --nearest" in problem
    problem = convert("rgb", tmp_path / "src", tmp_path / "out2", palette=PALETTE, nearest=2).problems[0]
    assert "none lies within 2" in problem
    convert("rgb", tmp_path / "src", tmp_path / "out3", palette=PALETTE, nearest=3)
    assert (mask_of(tmp_path / "out3", "a") == EXPECTED).all()


def test_masks_spoilt_by_jpeg(tmp_path):
    make(tmp_path / "src", suffix=".jpg", names=["a"])
    ids = np.add.outer(np.arange(SIZE[0]), np.arange(SIZE[1])) // 11 % 4
    write_image(tmp_path / "src/masks/a.jpg", COLOURS[ids])
    with pytest.raises(DataError, match=r"a\.jpg: with this one the masks hold \d+ colours.*give --palette"):
        convert("rgb", tmp_path / "src", tmp_path / "out")
    convert("rgb", tmp_path / "src", tmp_path / "out", palette=PALETTE, nearest=442)
    assert (mask_of(tmp_path / "out", "a") == np.array([0, 1, 2, 255])[ids]).mean() > 0.8


def test_palettes_as_tools_write_them(tmp_path):
    path = tmp_path / "labelmap.txt"
    path.write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nfire truck:255,0,0::\n")
    assert read_palette([str(path)]) == [("background", (0, 0, 0)), ("fire truck", (255, 0, 0))]
    path.write_text("64 128 64\tAnimal\n192 0 128 7\n")
    assert read_palette([str(path)]) == [("Animal", (64, 128, 64)), ("7", (192, 0, 128))]
    for wrong, message in (
        (["a:1,2"], "expected name:red"),
        (["a:1,2,65536"], "up to 255"),
        (["a:1,2,3", "b:1,2,3"], "two classes"),
    ):
        with pytest.raises(DataError, match=message):
            read_palette(wrong)


def test_a_mask_without_an_image_is_told_and_sources_are_not_written_over(tmp_path):
    make(tmp_path / "src", "annotations")
    with pytest.raises(DataError, match="would be overwritten"):
        convert("rgb", tmp_path / "src", tmp_path / "src", palette=PALETTE, overwrite=True)
    write_image(tmp_path / "src/annotations/val/c.png", COLOURS[IDS])
    with pytest.raises(DataError, match=r"1 have no image in .* \(val/c\)"):
        convert("rgb", tmp_path / "src", tmp_path / "out", palette=PALETTE)
    with pytest.raises(DataError, match="Expected:\n  images"):
        convert("rgb", tmp_path / "none", tmp_path / "out")


DEEP = np.array([(65535, 0, 300), (65534, 0, 300), (12, 4000, 7), (0, 0, 0)], np.uint16)  # the first two differ by 1


def make_deep(root, suffix=".png"):
    """Masks of 16 bits, one of them with transparency."""
    for name, colours in (("a", DEEP), ("b", np.c_[DEEP, [9, 65535, 0, 1]].astype(np.uint16))):
        write_picture(root / f"images/{name}.jpg")
        write_deep_png(root / f"masks/{name}{suffix}", colours[IDS])
    return root


def test_colours_of_16_bits_are_exact(tmp_path):
    make_deep(tmp_path / "src")
    palette = ["sky:65535,0,300", "road:65534,0,300", "car:12,4000,7", "void:0,0,0"]
    convert("rgb", tmp_path / "src", tmp_path / "out", palette=palette)
    assert all((mask_of(tmp_path / "out", name) == EXPECTED).all() for name in "ab")
    assert (tmp_path / "out/palette.txt").read_text().splitlines() == palette
    problem = convert("rgb", tmp_path / "src", tmp_path / "two", palette=palette[1:]).problems[0]
    assert f"1 colours are not in the palette: (65535, 0, 300) in {int((IDS == 0).sum())} pixels" in problem
    convert("rgb", tmp_path / "src", tmp_path / "three", palette=palette[1:], nearest=1)
    assert (mask_of(tmp_path / "three", "a") == np.array([0, 0, 1, 255], np.uint8)[IDS]).all()


def test_colours_of_16_bits_are_found(tmp_path):
    convert("rgb", make_deep(tmp_path / "src"), tmp_path / "out")
    names = ["000000000000", "000c0fa00007", "fffe0000012c", "ffff0000012c"]
    assert (tmp_path / "out/classes.txt").read_text().split() == [f"colour_{name}" for name in names]
    assert (mask_of(tmp_path / "out", "b") == np.array([3, 2, 1, 0], np.uint8)[IDS]).all()


def test_deep_and_plain_masks_of_one_palette(tmp_path):
    """The colours of bytes are told from those of 16 bits."""
    make(tmp_path / "src", names=["c"])
    write_deep_png(tmp_path / "src/masks/d.png", DEEP[IDS])
    write_picture(tmp_path / "src/images/d.jpg")
    deep = ["sky:65535,0,300", "road:65534,0,300", "car:12,4000,7"]
    convert("rgb", tmp_path / "src", tmp_path / "out", palette=[*PALETTE, *deep])
    assert (mask_of(tmp_path / "out", "c") == EXPECTED).all() and (mask_of(tmp_path / "out", "d") == EXPECTED).all()


def test_a_palette_of_bytes_fits_masks_of_16_bits(tmp_path):
    for name, extra in (("a", 0), ("b", 100)):
        write_picture(tmp_path / f"src/images/{name}.jpg")
        write_deep_png(tmp_path / f"src/masks/{name}.png", COLOURS[IDS].astype(np.uint16) * 257 + np.uint16(extra))
    write_deep_png(tmp_path / "src/masks/c.png", COLOURS[IDS].astype(np.uint16))  # bytes in 16 bits
    write_picture(tmp_path / "src/images/c.jpg")
    (problem,) = convert("rgb", tmp_path / "src", tmp_path / "out", palette=PALETTE).problems
    assert "b.png: 4 colours are not in the palette" in problem
    assert all((mask_of(tmp_path / "out", name) == EXPECTED).all() for name in "ac")
    convert("rgb", tmp_path / "src", tmp_path / "near", palette=PALETTE, nearest=1)  # in the units of the palette
    assert (mask_of(tmp_path / "near", "b") == EXPECTED).all()


def test_a_csv_file_names_colours_and_void_in_any_case(tmp_path):
    path = tmp_path / "class_dict.csv"
    path.write_text('name, r, g, b\nsky,70,130,180\n"road, wet",128,64,128\ncar,0,0,142\nVoid,0,0,0\n')
    make(tmp_path / "src", names=["a"])
    convert("rgb", tmp_path / "src", tmp_path / "out", palette=[str(path)])
    assert (tmp_path / "out/classes.txt").read_text().splitlines() == ["sky", "road, wet", "car"]
    assert (mask_of(tmp_path / "out", "a") == EXPECTED).all()


def test_an_image_that_its_exif_tag_turns(tmp_path):
    picture = turn(write_picture(tmp_path / "src/images/a.jpg"), 6, smooth_image(*SIZE))
    write_image(tmp_path / "src/masks/a.png", COLOURS[IDS])
    problem = convert("rgb", tmp_path / "src", tmp_path / "out", palette=PALETTE).problems[0]
    assert f"is {SIZE[0]}x{SIZE[1]}" in problem and "--no-exif takes it as its pixels are stored" in problem
    convert("rgb", tmp_path / "src", tmp_path / "out", palette=PALETTE, exif=False)
    assert (mask_of(tmp_path / "out", "a") == EXPECTED).all()
    assert (tmp_path / "out/images/a.jpg").samefile(picture)
    assert FolderDataset(str(tmp_path / "out"), exif=False)[0, None]["image"].shape[:2] == SIZE
