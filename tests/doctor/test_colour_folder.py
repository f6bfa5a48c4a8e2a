"""Folders of colour masks become folders of ids: all splits, their lists, and the test images."""

import numpy as np
import pytest

from segbox.convert.plan import WorkerPool
from segbox.convert.run import run
from segbox.data.datasets.folder import FolderDataset
from segbox.doctor.colour_folder import can_convert, plan_conversion
from segbox.doctor.inspect_folder import inspect_folder
from tests.faulty_data import blocky_label, smooth_image, write_deep_png, write_image

SIZE = (24, 40)
NAMES = ("sky", "road", "void")
BYTES = np.array([(70, 130, 180), (128, 64, 128), (0, 0, 0)], np.uint8)
DEEP = BYTES.astype(np.uint16) * 257
IDS = blocky_label(*SIZE, num_classes=3)
EXPECTED = np.array([0, 1, 255], np.uint8)[IDS]


def write_pair(root, image, mask, seed, colours=DEEP):
    write_image(root / f"{image}.jpg", smooth_image(*SIZE, seed=seed))
    write_deep_png(root / f"{mask}.png", colours[IDS])


def write_palette(root):
    rows = (f"{name},{','.join(map(str, colour))}\n" for name, colour in zip(NAMES, BYTES.tolist()))
    (root / "class_dict.csv").write_text("name,r,g,b\n" + "".join(rows))


def converted(root, target):
    folder = inspect_folder(str(root))
    assert can_convert(folder)
    assert run(plan_conversion(folder, target, WorkerPool()), WorkerPool()).problems == []
    return inspect_folder(str(target))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}/a", "{}_labels/a_L"),
        ("{}/images/a", "{}/masks/a"),
        ("images/{}/a", "masks/{}/a"),
    ],
)
@pytest.mark.parametrize("colours", [DEEP, BYTES, np.c_[DEEP, [65535, 9, 0]].astype(np.uint16)])
def test_folders_of_splits(tmp_path, image, mask, colours):
    for seed, split in enumerate(("train", "val", "test")):
        write_pair(tmp_path / "s", image.format(split), mask.format(split), seed, colours)
    write_palette(tmp_path / "s")
    found = converted(tmp_path / "s", tmp_path / "ids")
    assert found.classes == NAMES[:2] and found.splits["train"]["palette"] == [*map(tuple, BYTES[:2].tolist())]
    assert not found.report.errors
    for split in ("train", "val", "test"):
        dataset = FolderDataset(str(tmp_path / "ids"), split)
        assert len(dataset) == 1 and (dataset.load(0)["label"] == EXPECTED).all()
        assert dataset.files(0)[0].samefile(tmp_path / "s" / f"{image.format(split)}.jpg")


def test_lists_survive(tmp_path):
    root = tmp_path / "s"
    for seed, name in enumerate("abcd"):
        write_pair(root, f"images/{name}_img", f"labels/{name}_lab", seed)
    for split, names in (("train", "a\nc\n"), ("val", "b\n"), ("test", "d\n")):
        (root / f"{split}.txt").write_text(names)
    found = converted(root, tmp_path / "ids")
    names = {split: (tmp_path / f"ids/{split}.txt").read_text().split() for split in ("train", "val", "test")}
    assert names == {"train": ["a_img", "c_img"], "val": ["b_img"], "test": ["d_img"]}
    assert found.splits["val"]["split_file"] == "val.txt" and len(found.report.scans["train"].pairs) == 2
    assert len(FolderDataset(str(tmp_path / "ids"), "test")) == 1


def test_images_and_masks_side_by_side(tmp_path):
    for i in range(4):
        write_pair(tmp_path / "s", f"{i}", f"{i}_mask", i)
    found = converted(tmp_path / "s", tmp_path / "ids")
    assert found.classes == ("colour_000000000000", "colour_46468282b4b4", "colour_808040408080")
    assert found.splits["all"]["palette"] == [(0, 0, 0), (70, 130, 180), (128, 64, 128)]


def test_what_is_not_converted(tmp_path):
    for i in range(2):
        write_pair(tmp_path, f"images/{i}", f"masks/{i}", i)
    assert can_convert(inspect_folder(str(tmp_path)))
    write_image(tmp_path / "masks/0.png", smooth_image(*SIZE))
    assert not can_convert(inspect_folder(str(tmp_path)))  # more colours than classes
    write_image(tmp_path / "masks/0.png", IDS)
    assert not can_convert(inspect_folder(str(tmp_path)))  # one mask holds ids
