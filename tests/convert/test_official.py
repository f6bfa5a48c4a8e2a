"""The public data sets whose files need work: made copies in the official layouts, converted, read by the data sets."""

import base64
import json

import numpy as np
import pytest

from segbox.convert.aerial import CLASSES as AERIAL
from segbox.convert.aerial import IDS, POTSDAM_TRAIN, POTSDAM_VAL, windows
from segbox.convert.pascal_context import FILE_IDS
from segbox.data.datasets.cityscapes import LABEL_IDS
from segbox.errors import DataError
from segbox.registry import DATASETS
from tests.convert.made import SIZE, convert, layered, mask_of, naive_outline, write_picture
from tests.convert.test_coco import runs
from tests.convert.test_matlab import GTCLS, HEADER, LABEL_MAP
from tests.data.datasets.test_public import write_list
from tests.faulty_data import blocky_label, smooth_image, write_image

MATLAB_SIZE = (3, 4)


def build(name, root, **arguments):
    return DATASETS.build({"type": name, "root": str(root), **arguments})


def write_mat(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(HEADER + base64.b64decode(content))


# --- SBD -------------------------------------------------------------------------------------------------------------


def make_voc(root):
    for name in "abcd":
        write_picture(root / f"JPEGImages/{name}.jpg", MATLAB_SIZE)
    write_image(root / "SegmentationClass/a.png", np.full(MATLAB_SIZE, 5, np.uint8))
    write_image(root / "SegmentationClass/b.png", np.full(MATLAB_SIZE, 6, np.uint8))
    write_list(root / "ImageSets/Segmentation/train.txt", "a")
    write_list(root / "ImageSets/Segmentation/val.txt", "b")
    return root


def make_sbd(root):
    for name in "abcd":
        write_mat(root / f"dataset/cls/{name}.mat", GTCLS)
    write_list(root / "dataset/train.txt", "a", "b", "d")
    write_list(root / "dataset/val.txt", "c")
    return root


def test_sbd_adds_to_voc_all_but_vocs_own(tmp_path):
    voc = make_voc(tmp_path / "VOC2012")
    summary = convert("sbd", make_sbd(tmp_path / "sbd"), voc)
    assert summary.written == 2 and not summary.problems
    assert sorted(path.name for path in (voc / "SegmentationClassAug").iterdir()) == ["c.png", "d.png"]
    assert (mask_of(voc, "c", "SegmentationClassAug") == np.arange(12).reshape(MATLAB_SIZE)).all()
    dataset = build("PascalVOC", voc, split="train_aug")
    assert [dataset.files(i)[0].stem for i in range(len(dataset))] == ["a", "c", "d"]
    assert (dataset.load(0)["label"] == 5).all()


def test_sbd_tells_what_is_missing(tmp_path):
    (tmp_path / "VOC2012").mkdir()
    with pytest.raises(DataError, match=r"there is no .*JPEGImages. Expected:\n  JPEGImages/NAME\.jpg"):
        convert("sbd", make_sbd(tmp_path / "sbd"), tmp_path / "VOC2012")
    with pytest.raises(DataError, match=r"Expected:\n  cls/NAME\.mat"):
        convert("sbd", tmp_path / "VOC2012", tmp_path / "VOC2012")


# --- Pascal Context --------------------------------------------------------------------------------------------------


def test_the_merged_json_of_pascal_context(tmp_path):
    ids = [int(word) for word in FILE_IDS.split()]
    assert len(ids) == 59 and ids == sorted(ids)
    columns = np.broadcast_to(np.arange(SIZE[1]), SIZE)
    annotations = [
        dict(id=1, image_id=3, category_id=ids[0], segmentation=runs(columns < 10)),
        dict(id=2, image_id=3, category_id=ids[58], segmentation=runs(columns >= 30)),
        dict(id=3, image_id=4, category_id=ids[6], segmentation=runs(columns >= 0)),
    ]
    images = [
        dict(image_id=3, file_name="x.jpg", phase="train", height=SIZE[0], width=SIZE[1]),
        dict(image_id=4, file_name="y.jpg", phase="val", height=SIZE[0], width=SIZE[1]),
        dict(image_id=5, file_name="z.jpg", phase="test", height=SIZE[0], width=SIZE[1]),
    ]
    (tmp_path / "trainval_merged.json").write_text(json.dumps(dict(images=images, annos_segmentation=annotations)))
    for name in "xy":
        write_picture(tmp_path / f"VOC2010/JPEGImages/{name}.jpg")
    summary = convert("pascal_context", tmp_path, tmp_path / "VOC2010")
    assert summary.written == 2 and not summary.problems
    found = build("PascalContext", tmp_path / "VOC2010", use_background=True).load(0)["label"]
    assert (found == layered((1, columns < 10), (59, columns >= 30))).all()
    dataset = build("PascalContext", tmp_path / "VOC2010", split="val")
    assert dataset.classes[6] == "bird" and (dataset.load(0)["label"] == 6).all()


def test_the_full_labels_of_pascal_context(tmp_path):
    write_mat(tmp_path / "src/trainval/x.mat", LABEL_MAP)  # 0 40 80 ... 440: of these, 80, 360 and 440 are classes
    write_picture(tmp_path / "VOC2010/JPEGImages/x.jpg", MATLAB_SIZE)
    write_list(tmp_path / "VOC2010/ImageSets/Main/train.txt", "x", "y")
    write_list(tmp_path / "VOC2010/ImageSets/Main/val.txt", "z")
    convert("pascal_context", tmp_path / "src", tmp_path / "VOC2010")
    ids = [int(word) for word in FILE_IDS.split()]
    expected = [ids.index(i) + 1 if i in ids else 0 for i in range(0, 480, 40)]
    assert sorted(i for i in expected if i) == [18, 47, 56]
    assert (mask_of(tmp_path / "VOC2010", "x", "SegmentationClassContext").ravel() == expected).all()
    with pytest.raises(DataError, match=r"Expected:\n  trainval_merged\.json"):
        convert("pascal_context", tmp_path / "VOC2010/ImageSets", tmp_path / "VOC2010")


# --- Cityscapes ------------------------------------------------------------------------------------------------------


def test_cityscapes_ids_and_polygons(tmp_path):
    root = tmp_path / "src"
    ids = np.tile(np.arange(34, dtype=np.uint8), (6, 1))
    write_image(root / "gtFine/train/ulm/ulm_0_gtFine_labelIds.png", ids)
    write_picture(root / "leftImg8bit/train/ulm/ulm_0_leftImg8bit.png", (6, 34))
    convert("cityscapes", root, root)
    expected = [LABEL_IDS.index(i) if i in LABEL_IDS else 255 for i in range(34)]
    assert (build("Cityscapes", root).load(0)["label"] == expected).all()

    road, car = [(1, 1), (30, 1), (30, 20), (1, 20)], [(5, 5), (15, 5), (10, 10)]
    things = [("road", road), ("cargroup", car), ("license plate", road), ("tunnel", [(20, 3), (25, 3), (25, 8)])]
    objects = [dict(label=label, polygon=polygon) for label, polygon in things] + [
        dict(label="sky", polygon=road, deleted=1)
    ]
    record = dict(imgHeight=SIZE[0], imgWidth=SIZE[1], objects=objects)
    path = root / "gtFine/val/bonn/bonn_0_gtFine_polygons.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))
    write_picture(root / "leftImg8bit/val/bonn/bonn_0_leftImg8bit.png")
    convert("cityscapes", root, tmp_path / "out")
    tunnel = naive_outline([(20, 3), (25, 3), (25, 8)])
    expected = layered((0, naive_outline(road)), (13, naive_outline(car)), (255, tunnel), start=255)
    assert (build("Cityscapes", tmp_path / "out", split="val").load(0)["label"] == expected).all()

    path.write_text(json.dumps(record | dict(objects=[dict(label="lorry", polygon=road)])))
    problem = convert("cityscapes", root, tmp_path / "two").problems[0]
    assert "bonn_0_gtFine_polygons.json: there is no label 'lorry'" in problem
    with pytest.raises(DataError, match=r"there is no .*gtFine. Expected"):
        convert("cityscapes", tmp_path, tmp_path / "out")


# --- from the air ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "image", "label", "areas"),
    [
        (
            "potsdam",
            "2_Ortho_RGB/top_potsdam_{}_RGB.tif",
            "5_Labels/top_potsdam_{}_label_noBoundary.tif",
            ("2_10", "7_13"),
        ),
        ("vaihingen", "top/top_mosaic_09cm_{}.tif", "top_mosaic_09cm_{}_noBoundary.tif", ("area1", "area6")),
    ],
)
def test_aerial_pictures_are_cut_and_numbered(tmp_path, name, image, label, areas):
    ids = blocky_label(*SIZE, num_classes=7)
    colours = np.array([colour for _, colour in IDS], np.uint8)[ids]
    colours[colours[..., 0] + colours[..., 1] == 254] -= np.array([3, 0, 0], np.uint8)  # (252, 255, 0)
    for area in areas:
        write_image(tmp_path / "src" / image.format(area), smooth_image(*SIZE))
        write_image(tmp_path / "src" / label.format(area), colours)
    summary = convert(name, tmp_path / "src", tmp_path / "out", window=16, stride=16)
    assert summary.written == 2 * 2 * 3 and not summary.problems
    assert (mask_of(tmp_path / "out", f"train/{areas[0]}_20_8_36_24", "ann_dir") == ids[8:24, 20:36]).all()
    dataset = build(
        "FolderDataset",
        tmp_path / "out",
        split="val",
        images="img_dir",
        annotations="ann_dir",
        label_map={0: 255} | {i: i - 1 for i in range(1, 7)},
        classes=AERIAL[1:],
    )
    assert len(dataset) == 6
    assert (dataset.load(0)["image"] == smooth_image(*SIZE)[:16, :16]).all()
    assert convert(name, tmp_path / "src", tmp_path / "out", window=16, stride=16).skipped == 12
    with pytest.raises(DataError, match="made with other settings"):
        convert(name, tmp_path / "src", tmp_path / "out", window=8, stride=8)
    with pytest.raises(DataError, match=r"Expected:\n  top_.*AREA"):
        convert(name, tmp_path / "out", tmp_path / "two")


def test_windows_are_those_of_the_published_numbers():
    areas = POTSDAM_TRAIN.split(), POTSDAM_VAL.split()
    per_picture = len(list(windows((6000, 6000), 512, 512)))
    assert [per_picture * len(names) for names in areas] == [3456, 2016]
    assert list(windows((10, 20), 16, 16)) == [(0, 0, 10, 16), (0, 4, 10, 20)]
    assert [left for _, left, _, _ in windows((16, 40), 16, 8)] == [0, 8, 16, 24]


def test_loveda_puts_city_and_country_together(tmp_path):
    for place, number in (("Rural", 0), ("Urban", 1)):
        for split in ("Train", "Val", "Test"):
            write_picture(tmp_path / f"src/{split}/{place}/images_png/{number}.png")
            if split != "Test":
                write_image(tmp_path / f"src/{split}/{place}/masks_png/{number}.png", blocky_label(*SIZE, 8))
    summary = convert("loveda", tmp_path / "src", tmp_path / "out")
    assert summary.written == 4 and not summary.problems
    assert sorted(path.name for path in (tmp_path / "out/img_dir/test").iterdir()) == ["0.png", "1.png"]
    assert (mask_of(tmp_path / "out", "val/1", "ann_dir") == blocky_label(*SIZE, 8)).all()
    write_image(tmp_path / "src/Train/Rural/masks_png/0.png", np.full(SIZE, 8, np.uint8))
    assert "holds the id 8" in convert("loveda", tmp_path / "src", tmp_path / "two").problems[0]
