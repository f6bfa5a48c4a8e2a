"""Which layouts of a folder are recognised, and what is read from them."""

import shutil

import pytest

from segbox.doctor.inspect_folder import choose_classes, inspect_folder, stray_ids
from segbox.doctor.layout import find_class_names, recognise_layout
from segbox.errors import DataError
from tests.faulty_data import blocky_label, smooth_image, write_image

SIZE = (24, 32)
TRAIN_VAL = ["train", "val"]


def write(root, images, labels, names=("1a", "1b", "2c"), seed=0):
    """`images` and `labels` are patterns like "train/images/{}.jpg"."""
    for i, name in enumerate(names):
        write_image(root / images.format(name), smooth_image(*SIZE, seed=seed + i))
        write_image(root / labels.format(name), blocky_label(*SIZE, num_classes=3))
    return root


@pytest.mark.parametrize(
    ("patterns", "splits"),
    [
        ([("images/{}.jpg", "masks/{}.png")], ["all"]),
        ([("Images/{}.jpg", "Labels/{}_L.png")], ["all"]),
        ([("imgs/{}_sat.jpg", "gt/{}_mask.png")], ["all"]),
        ([("images/image{}.jpg", "masks/mask_{}.png")], ["all"]),
        ([("set/images/train_{}.jpg", "set/masks/train_{}_gt.png")], ["all"]),
        ([("images/train/{}.jpg", "labels/train/{}.png"), ("images/valid/{}.jpg", "labels/valid/{}.png")], TRAIN_VAL),
        ([("train/images/{}.png", "train/masks/{}.png"), ("val/images/{}.png", "val/masks/{}.png")], TRAIN_VAL),
        ([("train/images/{}.png", "train/masks/{}.png")], ["all"]),
        ([("train/{}.png", "trainannot/{}.png"), ("test/{}.png", "testannot/{}.png")], TRAIN_VAL),
        ([("train/{}.jpg", "train_labels/{}_L.png"), ("val/{}.jpg", "val_labels/{}_L.png")], TRAIN_VAL),
        ([("{}.jpg", "{}_mask.png")], ["all"]),
        ([("{}.png", "{}-gt.png")], ["all"]),
        ([("train/{}.png", "train/{}_L.png"), ("val/{}.png", "val/{}_L.png")], TRAIN_VAL),
    ],
)
def test_layouts(tmp_path, patterns, splits):
    for seed, (images, labels) in enumerate(patterns):
        write(tmp_path, images, labels, seed=10 * seed)
    folder = inspect_folder(str(tmp_path))
    assert list(folder.splits) == splits
    assert [split.files for split in folder.report.splits.values()] == [3] * len(splits)
    assert not folder.report.problems and folder.classes == ("id_0", "id_1", "id_2")


@pytest.mark.parametrize("lists", ["ImageSets/Segmentation", "splits", "."])
@pytest.mark.parametrize("line", ["{}", "/data/set/JPEGImages/{0}.jpg /data/set/SegmentationClass/{0}.png"])
def test_lists(tmp_path, lists, line):
    write(tmp_path, "JPEGImages/{}.jpg", "SegmentationClass/{}.png")
    (tmp_path / lists).mkdir(parents=True, exist_ok=True)
    (tmp_path / lists / "train.txt").write_text(f"{line.format('2c')}\n{line.format('1a')}\n")
    (tmp_path / lists / "val.txt").write_text(line.format("1b"))
    folder = inspect_folder(str(tmp_path))
    assert [split.files for split in folder.report.splits.values()] == [2, 1]


def test_not_recognised(tmp_path):
    with pytest.raises(DataError, match=r"no images and masks recognised. Expected one of\n  images/ and masks/"):
        recognise_layout(tmp_path)
    for folder in ("only_images", "only_images/deep/images"):
        write_image(tmp_path / folder / "a.JPG", smooth_image(9, 9))
    with pytest.raises(
        DataError, match=r"only_images: holds 2 image\(s\), but no masks that belong to them\. Expected"
    ):
        recognise_layout(tmp_path / "only_images")
    shutil.rmtree(tmp_path / "only_images")
    with pytest.raises(DataError, match="there is no folder"):
        recognise_layout(tmp_path / "nowhere")
    write(tmp_path, "images/pic{}.jpg", "masks/{}.png", names=("1", "2"))
    (tmp_path / "masks").rename(tmp_path / "elsewhere")
    (tmp_path / "masks").mkdir()
    with pytest.raises(
        DataError, match=r"/masks: holds no masks \(\.png, .*training needs images, and a mask for each"
    ):
        recognise_layout(tmp_path)
    (tmp_path / "masks").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "masks")
    (tmp_path / "masks/1.png").rename(tmp_path / "masks/one.png")
    (tmp_path / "masks/2.png").rename(tmp_path / "masks/two.png")
    with pytest.raises(DataError, match=r"names of images and masks do not match: pic1.jpg, pic2.jpg in"):
        recognise_layout(tmp_path)
    for part in ("leftImg8bit", "gtFine"):
        (tmp_path / part).mkdir()
    with pytest.raises(DataError, match="is Cityscapes"):
        recognise_layout(tmp_path)


def test_class_names(tmp_path):
    assert find_class_names(tmp_path) is None
    (tmp_path / "classes.txt").write_text("0 sky\n1: traffic light\n2,car\n")
    assert find_class_names(tmp_path) == ("sky", "traffic light", "car")


@pytest.mark.parametrize(
    ("ids", "names", "classes", "label_map"),
    [
        ({0, 1, 2, 255}, None, ("id_0", "id_1", "id_2"), {}),
        ({0, 255}, None, ("background", "foreground"), {255: 1}),
        ({0, 1}, None, ("background", "foreground"), {}),
        ({1, 2}, None, ("id_1", "id_2"), {1: 0, 2: 1}),
        ({0, 38, 75}, None, ("id_0", "id_38", "id_75"), {0: 0, 38: 1, 75: 2}),
        ({0, 1, 255}, ["a", "b", "c"], ("a", "b", "c"), {}),
        ({0, 255}, ["a", "b"], ("a", "b"), {255: 1}),
        ({1, 2}, ["a", "b"], ("a", "b"), {1: 0, 2: 1}),
        ({0, 1, 2}, ["a", "b"], ("a", "b"), {}),  # 0 or 2 may mean unlabelled: not for us to say
        ({0, 128}, ["a", "b"], ("a", "b"), {0: 0, 128: 1}),
        ({0, 7, 9}, ["a", "b"], ("a", "b"), {}),
    ],
)
def test_classes_from_ids(ids, names, classes, label_map):
    assert choose_classes(ids, names)[:2] == (classes, label_map)


def test_channels(tmp_path):
    for i in range(2):
        write_image(tmp_path / f"images/{i}.png", smooth_image(*SIZE, channels=1, seed=i)[:, :, 0])
        write_image(tmp_path / f"masks/{i}.png", 255 * blocky_label(*SIZE, num_classes=2))
    folder = inspect_folder(str(tmp_path))
    assert folder.channels == 1 and folder.report.splits["all"].mean.shape == (1,)
    assert folder.label_map == {255: 1} and not folder.report.problems
    for i in range(2):
        (tmp_path / f"images/{i}.png").unlink()
        write_image(tmp_path / f"images/{i}.tif", smooth_image(*SIZE, channels=4, seed=i))
    folder = inspect_folder(str(tmp_path))
    assert folder.channels == 4 and folder.report.splits["all"].mean.shape == (4,)


def test_strays():
    row = dict.fromkeys(range(12), 100)
    assert stray_ids({**row, 77: 1, 255: 90}, 100) == {77}
    assert stray_ids({**row, 77: 50}, 100) == stray_ids({**row, 13: 1}, 100) == set()
    assert stray_ids({0: 9, 128: 1}, 10) == stray_ids({}, 0) == set()


def test_masks_as_jpeg(tmp_path):
    write(tmp_path, "images/{}.jpg", "masks/{}.jpg")
    folder = inspect_folder(str(tmp_path))
    assert [problem.kind for problem in folder.report.problems] == ["JPEG mask"]
