import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import list_files
from segbox.data.loader import train_loader
from segbox.errors import DataError
from tests.faulty_data import (
    blocky_label,
    cut,
    deep_image,
    smooth_image,
    write_deep_png,
    write_image,
    write_pairs,
)

SHARED = Path(os.environ.get("SEGBOX_SHARED", Path(__file__).parents[4] / "shared"))


def names(dataset: FolderDataset) -> list[str]:
    return [dataset.load(index)["path"].rsplit("/images/", 1)[1] for index in range(len(dataset))]


def test_pairs_are_found_at_any_depth_and_sorted(tmp_path):
    dataset = FolderDataset(str(write_pairs(tmp_path, ["b", "a", "zurich/a", "bonn/x.y"])), "train")
    assert names(dataset) == ["train/a.jpg", "train/b.jpg", "train/bonn/x.y.jpg", "train/zurich/a.jpg"]
    assert dataset.classes == ("sky", "road", "car")
    assert len(dataset.palette) == 3
    loaded = dataset[3, 0]
    assert (loaded["label"] == blocky_label(24, 32, 3)).all()
    assert loaded["size"] == (24, 32)
    assert loaded["path"] == str(tmp_path / "images/train/zurich/a.jpg")


def test_without_a_split_the_folders_are_taken_whole(tmp_path):
    assert len(FolderDataset(str(write_pairs(tmp_path, ["a", "b"], split="")))) == 2


@pytest.mark.parametrize("listing", ["train.txt", "splits/train.txt"])
def test_a_split_may_be_a_list(tmp_path, listing):
    write_pairs(tmp_path, ["a", "b", "c", "d/e"], split="")
    (tmp_path / listing).parent.mkdir(exist_ok=True)
    (tmp_path / listing).write_text("d/e\nb\n\n")
    assert names(FolderDataset(str(tmp_path), "train")) == ["d/e.jpg", "b.jpg"]
    (tmp_path / listing).write_text("b\nmissing\nb\n")
    with pytest.raises(DataError, match=rf"{listing}: lists 1 names more than once \(b\)"):
        FolderDataset(str(tmp_path), "train")
    (tmp_path / listing).write_text("b\nmissing\n")
    with pytest.raises(DataError, match=r"of 2 names, 1 have no image in .*/images \(missing\), and 1 have no mask"):
        FolderDataset(str(tmp_path), "train")


def test_suffixes_pick_among_many_files(tmp_path):
    for kind in ("labelIds", "color"):
        write_image(tmp_path / f"gtFine/train/bonn/x_{kind}.png", blocky_label(24, 32, 2))
    write_image(tmp_path / "leftImg8bit/train/bonn/x_leftImg8bit.png", smooth_image(24, 32))
    dataset = FolderDataset(
        str(tmp_path), "train", ["a", "b"], None, "leftImg8bit", "gtFine", "_leftImg8bit.png", "_labelIds.png"
    )
    assert len(dataset) == 1
    assert dataset.load(0)["label_path"].endswith("gtFine/train/bonn/x_labelIds.png")


def test_label_map_and_channels(tmp_path):
    dataset = FolderDataset(str(write_pairs(tmp_path, ["a"])), "train", label_map={0: 255, 1: 0, 2: 1}, channels=1)
    expected = np.array([255, 0, 1])[blocky_label(24, 32, 3)]
    assert (dataset[0, 0]["label"] == expected).all()
    assert dataset[0, 0]["image"].shape == (24, 32, 1)


def test_a_missing_root_or_folder_is_told_with_the_tree(tmp_path):
    with pytest.raises(DataError, match=rf"there is no folder {tmp_path}/none\. Expected"):
        FolderDataset(str(tmp_path / "none"), "train")
    with pytest.raises(DataError, match=r"annotations/train/a_NAME_mask\.png\n"):
        FolderDataset(str(tmp_path / "none"), "train", label_prefix="a_", label_suffix="_mask.png")
    write_pairs(tmp_path, ["a"])
    with pytest.raises(DataError) as caught:
        FolderDataset(str(tmp_path), "test")
    for line in ("images/test/NAME.jpg", "annotations/test/NAME.png", "classes.txt", "test.txt with one NAME per line"):
        assert f"{tmp_path}/{line}" in str(caught.value)


def test_unpaired_files_are_counted_and_named(tmp_path):
    write_pairs(tmp_path, list("abcdef"))
    for name in "abcd":
        (tmp_path / f"annotations/train/{name}.png").unlink()
    (tmp_path / "images/train/f.jpg").unlink()
    with pytest.raises(DataError) as caught:
        FolderDataset(str(tmp_path), "train")
    assert f"1 have no image in {tmp_path}/images/train (f)" in str(caught.value)
    assert f"4 have no mask *.png in {tmp_path}/annotations/train (a, b, c, ...)" in str(caught.value)


def test_two_images_of_one_name(tmp_path):
    write_image(write_pairs(tmp_path, ["a"]) / "images/train/a.png", smooth_image(24, 32))
    with pytest.raises(DataError, match=r"images/train: a\.\w+ and a\.\w+ have the same name"):
        FolderDataset(str(tmp_path), "train")


def test_an_empty_folder(tmp_path):
    for part in ("images", "annotations"):
        (tmp_path / part / "train").mkdir(parents=True)
    with pytest.raises(DataError, match=rf"{tmp_path}/images/train: holds no images"):
        FolderDataset(str(tmp_path), "train", ["a"])


def in_one_folder(root, *lines):
    """Pairs a and b, and a list."""
    write_pairs(root / "set", ["a", "b"], split=".")
    write_pairs(root / "outside", ["secret"], split=".")
    (root / "set/train.txt").write_bytes(b"\n".join(lines))
    return str(root / "set")


@pytest.mark.parametrize(
    "line", ["../../outside/images/secret", "/etc/passwd", "..", ".", "/", "~/secret", "C:\\x", "a\0", "*", "# a list"]
)
def test_a_list_names_nothing_outside(tmp_path, line):
    root = in_one_folder(tmp_path, b"a", line.encode())
    with pytest.raises(DataError, match=r"of 2 names, 1 have no image in .* and 1 have no mask"):
        FolderDataset(root, "train")
    with pytest.warns(UserWarning, match="left out are"):
        dataset = FolderDataset(root, "train", allow_missing=True)
    assert [path.name for path in dataset.files(0)] == ["a.jpg", "a.png"] and len(dataset) == 1


def test_an_absolute_path_means_the_image_of_that_name_inside(tmp_path):
    root = in_one_folder(tmp_path, b"/elsewhere/images/a.jpg /elsewhere/annotations/a.png", b"../b.jpg")
    dataset = FolderDataset(root, "train")
    assert [str(dataset.files(i)[0]) for i in (0, 1)] == [f"{root}/images/a.jpg", f"{root}/images/b.jpg"]


@pytest.mark.parametrize("text", ["Straße".encode("latin-1"), "a\nb".encode("utf-16")])
def test_a_list_in_another_encoding(tmp_path, text):
    with pytest.raises(DataError, match=r"train\.txt: is not UTF-8 text \(byte \d is 0x\w\w\)"):
        FolderDataset(in_one_folder(tmp_path, text), "train")


def test_names_nobody_can_read_are_cut(tmp_path):
    with pytest.raises(DataError) as caught:
        FolderDataset(in_one_folder(tmp_path, b"x" * 10**6, b"\x1b[31mred"), "train")
    assert len(str(caught.value)) < 2000 and str(caught.value).isprintable()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links_out_of_the_root_are_followed_and_those_in_a_circle_are_not(tmp_path):
    root = Path(in_one_folder(tmp_path, b"a", b"other/images/secret"))
    for part in ("images", "annotations"):
        (root / part / "other").symlink_to(tmp_path / "outside")
        (tmp_path / "outside" / part / "back").symlink_to(tmp_path / "outside")
        for name in ("one", "two", "three"):
            (root / part / name).symlink_to(root / part)
    (tmp_path / "outside/images/secret.png").symlink_to(tmp_path / "outside/annotations/secret.png")
    begin = time.monotonic()
    found = list_files(root / "images", (".jpg",))
    assert found == {name: f"{name}.jpg" for name in ("a", "b", "other/images/secret")}
    assert time.monotonic() - begin < 1  # along the links there would be 3^40


def test_class_names(tmp_path):
    write_pairs(tmp_path, ["a"])
    assert FolderDataset(str(tmp_path), "train", ["x", "y", "z"]).classes == ("x", "y", "z")
    for bad in ([], ["x", "x"], "xyz", [str(i) for i in range(256)]):
        with pytest.raises(DataError, match=r"1 to 255 different names|256 classes; class maps and labels are bytes"):
            FolderDataset(str(tmp_path), "train", bad)
    (tmp_path / "classes.txt").write_text("sky\n\x1b[31mroad\ncar\n")
    with pytest.raises(DataError, match=r"classes\.txt: class 1 is '\\x1b\[31mroad'"):
        FolderDataset(str(tmp_path), "train")
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(DataError, match=rf"no class names: give classes=.*{tmp_path}/classes.txt"):
        FolderDataset(str(tmp_path), "train")


def test_bad_palettes_and_maps(tmp_path):
    write_pairs(tmp_path, ["a"])
    with pytest.raises(ValueError, match="expected 3 colours"):
        FolderDataset(str(tmp_path), "train", palette=[(0, 0, 0)])
    with pytest.raises(ValueError, match=r"label_map={5: 3}: maps an id from 0 to 255 to a class, 0 to 2, or 255"):
        FolderDataset(str(tmp_path), "train", label_map={5: 3})


def test_black_and_white_masks_are_noticed(tmp_path):
    write_pairs(tmp_path, ["a"])
    write_image(tmp_path / "annotations/train/a.png", blocky_label(24, 32, 2) * 255)
    with pytest.raises(DataError, match=r"only 0 and 255.*'crack' would never be seen; label_map={255: 1}"):
        FolderDataset(str(tmp_path), "train", ["road", "crack"])
    dataset = FolderDataset(str(tmp_path), "train", ["road", "crack"], label_map={255: 1})
    assert (dataset[0, 0]["label"] == blocky_label(24, 32, 2)).all()


def write_deep_pairs(root: Path, depths: list[int]) -> Path:
    for i, bits in enumerate(depths):
        image = deep_image(24, 32, 1, seed=i)
        write_deep_png(root / f"images/{i}.png", image if bits == 16 else (image >> 4).astype(np.uint8))
        write_image(root / f"annotations/{i}.png", blocky_label(24, 32, 3))
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    return root


def test_deep_images_are_read_as_the_data_set_says(tmp_path):
    root = str(write_deep_pairs(tmp_path, [16] * 3))
    with pytest.raises(DataError, match=r"images: the images have 16 bits per channel: bits=16 .* bits=8 cuts them"):
        FolderDataset(root)
    expected = deep_image(24, 32, 1, seed=1)
    assert (FolderDataset(root, channels=1, bits=16).load(1)["image"] == expected).all()
    assert (FolderDataset(root, channels=1, bits=8).load(1)["image"] == expected >> 8).all()
    with pytest.raises(
        ValueError, match=r"bits=12: expected 8 \(bytes\), 16 \(10 to 14 bits are stored in 16\), or 32"
    ):
        FolderDataset(root, bits=12)


def test_a_stray_deep_image_among_bytes_is_cut_to_bytes(tmp_path):
    dataset = FolderDataset(str(write_deep_pairs(tmp_path, [8, 16, 8])), channels=1)
    assert (dataset.load(1)["image"] == deep_image(24, 32, 1, seed=1) >> 8).all()
    with pytest.raises(DataError, match=r"0.png: has 8 bits a channel \(uint8\), bits=16"):
        FolderDataset(str(tmp_path), channels=1, bits=16).load(0)
    with pytest.raises(DataError, match="have 16 bits"):
        FolderDataset(str(write_deep_pairs(tmp_path / "more", [8, 16, 16])), channels=1)


def test_errors_name_the_file_at_fault(tmp_path):
    write_pairs(tmp_path, ["a", "b"])
    write_image(tmp_path / "annotations/train/a.png", np.full((24, 32), 9, np.uint8))
    dataset = FolderDataset(str(tmp_path), "train")
    with pytest.raises(DataError, match=rf"^{tmp_path}/annotations/train/a.png: .*9 \(768 pixels\)"):
        dataset[0, 0]
    write_image(tmp_path / "annotations/train/b.png", blocky_label(20, 32, 3))
    with pytest.raises(DataError, match=rf"{tmp_path}/images/train/b.jpg: .*24x32 .*annotations/train/b.png is 20x32"):
        dataset[1, 0]


def test_skipping_a_cut_image(tmp_path):
    write_pairs(tmp_path, ["a", "b"])
    cut(tmp_path / "images/train/a.jpg")
    with pytest.raises(DataError, match=r"a.jpg: the file is cut off"):
        FolderDataset(str(tmp_path), "train")[0, 0]
    with pytest.warns(UserWarning, match=r"a.jpg: the file is cut off"):
        replaced = FolderDataset(str(tmp_path), "train", skip_unreadable=True)[0, 0]
    assert replaced["path"].endswith("b.jpg")


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the shared data are not here")
@pytest.mark.parametrize(
    ("folder", "classes", "label_map"),
    [
        ("camvid", [str(i) for i in range(11)], {11: 255}),
        ("isbi", ["cell", "membrane"], None),
        ("crackforest", ["road", "crack"], None),
    ],
)
def test_real_data(folder, classes, label_map):
    dataset = FolderDataset(str(SHARED / "data" / folder), "train", classes, label_map=label_map)
    batch = next(iter(train_loader(dataset, 2, seed=0)))
    assert batch["images"].shape[:2] == (2, 3)
