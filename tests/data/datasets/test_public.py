"""The public data sets, on tiny made copies of their official layouts."""

import os
from pathlib import Path

import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.config import load_config
from segbox.convert.formats import COMMANDS
from segbox.data.datasets.dataset import check_label
from segbox.data.datasets.pairs import read_names
from segbox.data.datasets.pascal_voc import PALETTE, bit_colours
from segbox.data.datasets.public import hex_colours
from segbox.data.loader import build_dataset, classes_without_files, train_loader
from segbox.errors import DataError
from segbox.registry import DATASETS
from tests.faulty_data import smooth_image, write_image, write_png

DATASET_CONFIGS = Path(__file__).parents[3] / "configs/_base_/datasets"
SHARED = Path(os.environ.get("SEGBOX_SHARED", Path(__file__).parents[4] / "shared"))
SIZE = (16, 24)


def build(name: str, root: Path, **arguments: object):
    return DATASETS.build({"type": name, "root": str(root), **arguments})


def write_ids(path: Path, *ids: int) -> None:
    """A mask in columns of these ids."""
    columns = np.repeat(np.array(ids, np.uint8), -(-SIZE[1] // len(ids)))[: SIZE[1]]
    write_image(path, np.tile(columns, (SIZE[0], 1)))


def write_picture(path: Path) -> None:
    write_image(path, smooth_image(*SIZE))


def write_list(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def ids_of(dataset, index: int = 0) -> list[int]:
    """The ids of the columns, from the left."""
    row = dataset[index, 0]["label"][0]
    return [int(row[i]) for i in range(len(row)) if i == 0 or row[i] != row[i - 1]]


def make_voc(root: Path) -> Path:
    """Palette PNGs, as the official ones are; images of other tasks beside those with masks."""
    for name in ("2007_000032", "2007_000039", "2007_000061", "2008_000002"):
        write_picture(root / f"JPEGImages/{name}.jpg")
    (root / "SegmentationClass").mkdir()
    for name, middle in (("2007_000032", 1), ("2007_000039", 20)):
        columns = np.repeat(np.array([0, IGNORE_INDEX, middle, 0], np.uint8), 6)
        write_png(root / f"SegmentationClass/{name}.png", np.tile(columns, (SIZE[0], 1)), 8, bit_colours(256))
    lists = root / "ImageSets/Segmentation"
    write_list(lists / "train.txt", "2007_000032")
    write_list(lists / "val.txt", "2007_000039")
    write_list(lists / "trainval.txt", "2007_000032", "2007_000039")
    return root


def make_ade20k(root: Path) -> Path:
    for folder, name in (("training", "ADE_train_00000001"), ("validation", "ADE_val_00000001")):
        write_picture(root / f"images/{folder}/{name}.jpg")
        write_ids(root / f"annotations/{folder}/{name}.png", 0, 1, 150, 0)
    return root


def make_cityscapes(root: Path) -> Path:
    for part, name in (("train", "aachen/aachen_000000_000019"), ("val", "lindau/lindau_000000_000019")):
        write_picture(root / f"leftImg8bit/{part}/{name}_leftImg8bit.png")
        write_ids(root / f"gtFine/{part}/{name}_gtFine_labelIds.png", 0, 7, 8, 10, 33)
        write_ids(root / f"gtFine/{part}/{name}_gtFine_instanceIds.png", 0)
        write_picture(root / f"gtFine/{part}/{name}_gtFine_color.png")
    return root


def make_pascal_context(root: Path) -> Path:
    for split, name in (("train", "2008_000002"), ("val", "2008_000003")):
        write_picture(root / f"JPEGImages/{name}.jpg")
        write_ids(root / f"SegmentationClassContext/{name}.png", 0, 1, 59)
        write_list(root / f"ImageSets/SegmentationContext/{split}.txt", name)
    write_picture(root / "JPEGImages/2007_000027.jpg")
    return root


def make_coco_stuff(root: Path) -> Path:
    for folder, name in (("train2017", "000000000009"), ("val2017", "000000000139")):
        write_picture(root / f"images/{folder}/{name}.jpg")
        write_ids(root / f"annotations/{folder}/{name}.png", 0, 12, 89, 91, 255, 181)
    return root


def make_camvid(root: Path) -> Path:
    for part, name in (("train", "0001TP_006690"), ("val", "0016E5_07959"), ("test", "Seq05VD_f00000")):
        write_picture(root / f"{part}/{name}.png")
        write_ids(root / f"{part}annot/{name}.png", 0, 10, 11)
        write_list(root / f"{part}.txt", f"/SegNet/CamVid/{part}/{name}.png /SegNet/CamVid/{part}annot/{name}.png")
    return root


def make_pairs(root: Path, splits: tuple[str, str], folders: tuple[str, str], suffix: str, ids: list[int]) -> Path:
    for split in splits:
        write_picture(root / folders[0] / split / "21.png")
        write_ids(root / folders[1] / split / f"21{suffix}", *ids)
    return root


def make_vessels(suffix: str):
    """As published; test_retina.py has what the converter makes."""
    return lambda root: make_pairs(root, ("training", "validation"), ("images", "annotations"), suffix, [0, 255, 1, 0])


def make_aerial(root: Path) -> Path:
    return make_pairs(root, ("train", "val"), ("img_dir", "ann_dir"), ".png", [0, 1, 6])


SETS = {
    "PascalVOC": (make_voc, 21, [0, 255, 1, 0]),
    "ADE20K": (make_ade20k, 150, [255, 0, 149, 255]),
    "Cityscapes": (make_cityscapes, 19, [255, 0, 1, 255, 18]),
    "PascalContext": (make_pascal_context, 59, [255, 0, 58]),
    "COCOStuff": (make_coco_stuff, 171, [0, 11, 79, 80, 255, 170]),
    "CamVid": (make_camvid, 11, [0, 10, 255]),
    "DRIVE": (make_vessels("_manual1.png"), 2, [0, 1, 0]),
    "STARE": (make_vessels(".ah.png"), 2, [0, 1, 0]),
    "CHASE_DB1": (make_vessels("_1stHO.png"), 2, [0, 1, 0]),
    "HRF": (make_vessels(".png"), 2, [0, 1, 0]),
    "Potsdam": (make_aerial, 6, [255, 0, 5]),
    "Vaihingen": (make_aerial, 6, [255, 0, 5]),
    "LoveDA": (make_aerial, 7, [255, 0, 5]),
}


@pytest.mark.parametrize("name", list(SETS))
def test_official_layout(tmp_path, name):
    make, num_classes, ids = SETS[name]
    dataset = build(name, make(tmp_path), split="train")
    assert len(dataset) == 1
    assert len(dataset.classes) == len(set(dataset.classes)) == len(dataset.palette) == num_classes
    assert all(len(colour) == 3 and max(colour) <= 255 for colour in dataset.palette)
    assert ids_of(dataset) == ids
    sample = dataset[0, 0]
    check_label(sample, dataset.classes)
    assert sample["size"] == SIZE
    assert Path(sample["label_path"]).is_file()
    other = build(name, tmp_path, split="val", transform_labels=False, skip_unreadable=True, exif=False)
    assert len(other) == 1 and other.skip_unreadable and not other.exif and dataset.exif


@pytest.mark.parametrize("name", list(SETS))
def test_a_missing_root_says_what_to_get(tmp_path, name):
    with pytest.raises(DataError) as caught:
        build(name, tmp_path / "nowhere")
    message = str(caught.value)
    assert f"there is no {tmp_path / 'nowhere'}" in message
    assert "http" in message
    assert message.count("\n") >= 3  # the tree
    assert "{" not in message.replace("{train,val,test}", "")
    with pytest.raises(ValueError, match=r"split='trian': is none of train, val.* Did you mean \"train\""):
        build(name, tmp_path, split="trian")


@pytest.mark.parametrize(
    ("name", "arguments", "command"),
    [
        ("PascalVOC", dict(split="train_aug"), "sbd FOLDER {}"),
        ("PascalContext", {}, "pascal_context trainval_merged.json {}"),
        ("Cityscapes", {}, "cityscapes {0} {0}"),
        ("COCOVOC", {}, "coco FOLDER {}"),
        *((name, {}, f"{name.lower()} FOLDER {{}}") for name in ("DRIVE", "STARE", "CHASE_DB1", "HRF")),
        *((name, {}, f"{name.lower()} FOLDER {{}}") for name in ("Potsdam", "Vaihingen", "LoveDA")),
    ],
)
def test_a_missing_root_names_the_converter(tmp_path, name, arguments, command):
    assert command.split()[0] in COMMANDS
    with pytest.raises(DataError) as caught:
        build(name, tmp_path / "nowhere", **arguments)
    assert f"  segbox convert {command.format(tmp_path / 'nowhere')}\n" in f"{caught.value}\n"


@pytest.mark.parametrize("name", list(SETS))
def test_a_label_without_image_is_told(tmp_path, name):
    make, _, _ = SETS[name]
    Path(build(name, make(tmp_path)).load(0)["path"]).unlink()
    with pytest.raises(DataError, match="of 1 names, 1 have no image in"):
        build(name, tmp_path, split="train")


def test_voc_with_the_masks_of_sbd(tmp_path):
    make_voc(tmp_path)
    with pytest.raises(DataError, match=r"no .*SegmentationClassAug\. The split \"train_aug\" needs"):
        build("PascalVOC", tmp_path, split="train_aug")
    write_ids(tmp_path / "SegmentationClassAug/2008_000002.png", 3, 4)
    with pytest.raises(DataError, match=r"no .*train_aug.txt\. The split \"train_aug\" needs"):
        build("PascalVOC", tmp_path, split="train_aug")
    write_list(tmp_path / "ImageSets/Segmentation/aug.txt", "2008_000002")  # only what SBD adds
    dataset = build("PascalVOC", tmp_path, split="train_aug")
    assert [ids_of(dataset, i) for i in range(2)] == [[0, 255, 1, 0], [3, 4]]
    write_list(tmp_path / "ImageSets/Segmentation/aug.txt", "2008_000002", "2007_000032")  # the complete list
    assert len(build("PascalVOC", tmp_path, split="train_aug")) == 2
    lines = [f"/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png" for name in ("2008_000002", "2007_000032")]
    write_list(tmp_path / "ImageSets/Segmentation/train_aug.txt", *lines)
    assert ids_of(build("PascalVOC", tmp_path, split="train_aug")) == [3, 4]
    assert read_names(tmp_path / "ImageSets/Segmentation/train_aug.txt") == ["2008_000002", "2007_000032"]
    assert len(build("PascalVOC", tmp_path, split="trainval")) == 2


def test_voc_palette():
    assert PALETTE[:4] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert (PALETTE[20], bit_colours(256)[255]) == ((0, 64, 128), (224, 224, 192))


def test_backgrounds_may_be_classes(tmp_path):
    ade = build("ADE20K", make_ade20k(tmp_path / "ade"), use_background=True)
    assert ids_of(ade) == [0, 1, 150, 0]
    assert (len(ade.classes), len(ade.palette), ade.classes[:2]) == (151, 151, ("background", "wall"))
    context = build("PascalContext", make_pascal_context(tmp_path / "context"), use_background=True)
    assert ids_of(context) == [0, 1, 59]
    assert (len(context.classes), context.classes[-1]) == (60, "wood")


def test_cityscapes_splits_and_renumbered_masks(tmp_path):
    make_cityscapes(tmp_path)
    assert len(build("Cityscapes", tmp_path, split="trainval")) == 2
    with pytest.raises(DataError, match=r"no .*leftImg8bit/test\. Register at"):
        build("Cityscapes", tmp_path, split="test")
    write_ids(tmp_path / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelTrainIds.png", 255, 5, 18)
    assert ids_of(build("Cityscapes", tmp_path, split="train")) == [255, 5, 18]
    # not every image has one: the official ids, for all
    assert ids_of(build("Cityscapes", tmp_path, split="trainval")) == [255, 0, 1, 255, 18]


def test_cityscapes_maps_all_ids_as_the_official_scripts_do(tmp_path):
    name = "bonn/bonn_000000_000019"
    write_image(tmp_path / f"leftImg8bit/train/{name}_leftImg8bit.png", smooth_image(16, 16))
    write_image(tmp_path / f"gtFine/train/{name}_gtFine_labelIds.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    label = build("Cityscapes", tmp_path)[0, 0]["label"].ravel()
    order = [7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33]
    assert [int(label[i]) for i in order] == list(range(19))
    assert (np.delete(label, order) == IGNORE_INDEX).all()


def test_coco_stuff_renumbered_masks(tmp_path):
    make_coco_stuff(tmp_path)
    write_ids(tmp_path / "annotations/train2017/000000000009_labelTrainIds.png", 7, 170)
    assert ids_of(build("COCOStuff", tmp_path)) == [7, 170]
    for unused in (11, 182):  # 255 is what an id without a class becomes
        write_ids(tmp_path / "annotations/val2017/000000000139.png", 0, unused)
        assert ids_of(build("COCOStuff", tmp_path, split="val")) == [0, 255]


def test_camvid_in_two_plain_folders(tmp_path):
    write_picture(tmp_path / "images/train/a.jpg")
    write_ids(tmp_path / "annotations/train/a.png", 4, 11, 5)
    assert ids_of(build("CamVid", tmp_path)) == [4, 255, 5]
    with pytest.raises(DataError, match=r"no .*images/val\. Clone"):
        build("CamVid", tmp_path, split="val")
    assert len(build("CamVid", make_camvid(tmp_path / "official"), split="trainval")) == 2


@pytest.mark.parametrize("name", ["DRIVE", "STARE", "CHASE_DB1", "HRF", "Potsdam", "Vaihingen", "LoveDA"])
def test_configs_of_converted_sets(tmp_path, name):
    SETS[name][0](tmp_path)
    data = load_config(DATASET_CONFIGS / f"{name.lower()}.py", [f"data_root={tmp_path}", "crop_size=(16, 24)"]).data
    assert ids_of(build_dataset(data.val, transform_labels=False)) == SETS[name][2]
    assert build_dataset(data.train)[0, 1]["image"].shape == (16, 24, 3)


def test_rows_of_the_table():
    specs = [DATASETS[name].spec for name in DATASETS if hasattr(DATASETS[name], "spec")]
    assert {spec.name for spec in specs} == {*SETS, "COCOVOC"}
    for spec in specs:
        for variant in (spec, *([spec.with_background()] if spec.background else ())):
            ids = set(variant.ids.tolist())
            assert variant.ids.shape == (256,) and variant.ids.dtype == np.uint8, spec.name
            assert ids >= {*range(len(variant.classes))} and len(variant.palette) == len(variant.classes), spec.name
        assert classes_without_files({"type": spec.name, "use_background": False}) == spec.classes
    wall = classes_without_files({"type": "ADE20K", "use_background": True})[:2]
    assert wall == ("background", "wall") and len(classes_without_files({"type": "ADE20K"})) == 150


def test_hex_colours():
    assert hex_colours("ff0001\n 00ff80") == [(255, 0, 1), (0, 255, 128)]


@pytest.mark.skipif(not (SHARED / "data/camvid").is_dir(), reason="the shared data are not here")
def test_real_camvid():
    dataset = build("CamVid", SHARED / "data/camvid", pipeline=[dict(type="RandomCrop", size=(96, 128))])
    assert (len(dataset), len(build("CamVid", SHARED / "data/camvid", split="val"))) == (367, 101)
    batch = next(iter(train_loader(dataset, 2, seed=0)))
    assert batch["images"].shape == (2, 3, 96, 128)
    assert set(batch["labels"].unique().tolist()) <= {*range(11), IGNORE_INDEX}
