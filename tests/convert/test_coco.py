"""A made instances file, against loops over pixels."""

import json
from pathlib import Path

import numpy as np
import pytest

from segbox.config import load_config
from segbox.data.datasets.pascal_voc import CLASSES
from segbox.data.loader import build_dataset
from segbox.errors import DataError
from segbox.registry import DATASETS
from tests.convert.made import SIZE, convert, layered, mask_of, naive_area, write_picture

BASE = Path(__file__).parents[2] / "configs/_base_/datasets/coco_voc.py"
CATEGORIES = [dict(id=1, name="person"), dict(id=4, name="motorcycle"), dict(id=24, name="zebra")]
LARGE = [(1.5, 2.0), (30.2, 1.0), (33.0, 20.5), (3.0, 22.0)]
SMALL = [(8.0, 5.0), (15.0, 5.0), (15.0, 12.0), (8.0, 12.0)]
OTHER = [(20.0, 3.0), (26.0, 3.0), (23.0, 12.0)]


def flat(*polygons):
    return [[float(v) for point in polygon for v in point] for polygon in polygons]


def runs(inside):
    """Of columns, beginning with nothing."""
    pixels, counts, value = inside.T.ravel(), [0], False
    for pixel in pixels:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return dict(size=list(SIZE), counts=counts)


def annotation(number, category, segmentation, iscrowd=0, image=7):
    return dict(id=number, image_id=image, category_id=category, segmentation=segmentation, iscrowd=iscrowd, area=1)


def make(root, annotations, names=("a.jpg",), split="train2017", **image):
    images = [dict(id=7 + i, file_name=n, height=SIZE[0], width=SIZE[1]) | image for i, n in enumerate(names)]
    record = dict(images=images, annotations=annotations, categories=CATEGORIES)
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / f"annotations/instances_{split}.json").write_text(json.dumps(record))
    (root / split).mkdir()
    for name in names:
        if ".." not in name:
            write_picture(root / split / name)
    return root


def test_small_objects_lie_on_large_ones_and_crowds_below_all(tmp_path):
    crowd = np.zeros(SIZE, bool)
    crowd[:, 28:] = True
    shapes = [
        annotation(1, 4, flat(SMALL)),
        annotation(2, 1, flat(LARGE)),
        annotation(3, 1, runs(crowd), iscrowd=1),
        annotation(4, 24, flat(OTHER)),
    ]
    make(tmp_path / "src", shapes)
    convert("coco", tmp_path / "src", tmp_path / "out", min_pixels=0)
    person, motorbike = CLASSES.index("person"), CLASSES.index("motorbike")
    expected = layered((255, crowd), (person, naive_area(LARGE)), (motorbike, naive_area(SMALL)))
    assert (mask_of(tmp_path / "out", "train2017/a") == expected).all()
    assert (tmp_path / "out/images/train2017/a.jpg").samefile(tmp_path / "src/train2017/a.jpg")

    convert("coco", tmp_path / "src", tmp_path / "all", classes=["all"], crowd="class")
    expected = layered((1, crowd), (1, naive_area(LARGE)), (2, naive_area(SMALL)), (3, naive_area(OTHER)))
    assert (mask_of(tmp_path / "all", "train2017/a") == expected).all()
    assert (tmp_path / "all/classes.txt").read_text().split() == ["background", "person", "motorcycle", "zebra"]

    convert("coco", tmp_path / "src", tmp_path / "two", classes=["zebra"], crowd="skip", no_background=True)
    assert (mask_of(tmp_path / "two", "train2017/a") == layered((0, naive_area(OTHER)), start=255)).all()


def test_the_selection_for_voc_holds_images_with_enough_of_its_classes_and_is_a_data_set(tmp_path):
    size = dict(height=40, width=50)
    full = [annotation(1, 1, flat([(0, 0), (50, 0), (50, 40), (0, 40)]))]
    few = [annotation(2, 1, flat([(0, 0), (50, 0), (50, 20), (0, 20)]), image=8)]
    for split in ("train2017", "val2017"):
        make(tmp_path / "src", full + few, ("a.jpg", "b.jpg"), split, **size)
        for name in "ab":
            write_picture(tmp_path / f"src/{split}/{name}.jpg", (40, 50))
    summary = convert("coco", tmp_path / "src", tmp_path / "out")
    assert (summary.written, summary.left_out) == (2, 2)  # 1000 pixels are not more than 1000
    dataset = DATASETS.build(dict(type="COCOVOC", root=str(tmp_path / "out"), split="val"))
    assert len(dataset) == 1 and dataset.classes == CLASSES
    assert (dataset.load(0)["label"] == CLASSES.index("person")).all()


def test_another_json_file_with_its_images_beside_it(tmp_path):
    make(tmp_path / "src", [annotation(1, 1, flat(SMALL))], ("deep/a.jpg",))
    (tmp_path / "src/annotations/instances_train2017.json").rename(tmp_path / "src/train2017/mine.json")
    convert("coco", tmp_path / "src", tmp_path / "out", classes=["all"], json="train2017/mine.json", split=["mine"])
    assert (mask_of(tmp_path / "out", "mine/deep/a") == layered((1, naive_area(SMALL)))).all()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (dict(names=("../a.jpg",)), {}, r"'\.\./a\.jpg' leads out of"),
        (dict(names=("a.jpg",), file_name="/etc/a.jpg"), {}, "leads out of"),
        (dict(names=("a.jpg",), file_name="C:\\a.jpg"), {}, "leads out of"),
        (dict(names=("a.jpg",), height="24"), {}, "expected 'height' to be int, it is '24'"),
        ({}, dict(classes=["parson"]), "no category is called 'parson'. Did you mean \"person\"?"),
        ({}, dict(images="x"), "--images says where"),
        ({}, dict(split=["val2017"]), r"there is no .*instances_val2017\.json. Expected"),
    ],
)
def test_a_wrong_source_is_told(tmp_path, change, options, message):
    make(tmp_path / "src", [], **change)
    with pytest.raises(DataError, match=message):
        convert("coco", tmp_path / "src", tmp_path / "out", **options)
    assert not list(tmp_path.glob("out/**/*.png"))


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (dict(size=[3, 4], counts=[12]), r"RLE for an image of \[3, 4\]"),
        (dict(size=list(SIZE), counts=[12]), "do not fill"),
        ([5], "pairs of numbers"),
        ("x", "expected 'counts'"),
    ],
)
def test_a_wrong_annotation_is_told_with_its_file_and_the_others_are_made(tmp_path, segmentation, message):
    bad = annotation(31, 1, segmentation, image=8)
    make(tmp_path / "src", [annotation(1, 1, flat(SMALL)), bad], ("a.jpg", "b.jpg"))
    summary = convert("coco", tmp_path / "src", tmp_path / "out", min_pixels=0)
    assert summary.written == 1 and len(summary.problems) == 1
    assert "b.jpg: annotation 31: " in summary.problems[0]
    with pytest.raises(DataError, match=message):
        raise DataError(summary.problems[0])


def test_sizes_that_differ_are_told(tmp_path):
    make(tmp_path / "src", [], height=SIZE[1], width=SIZE[0])
    summary = convert("coco", tmp_path / "src", tmp_path / "out", min_pixels=0)
    assert "the image is 36x24, the annotation 24x36 (an EXIF tag turns the image?" in summary.problems[0]


def test_the_base_config_reads_what_the_converter_writes(tmp_path):
    everything = [annotation(1, 1, flat([(0, 0), (36, 0), (36, 24), (0, 24)]))]
    for split in ("train2017", "val2017"):
        make(tmp_path / "src", everything, split=split)
    convert("coco", tmp_path / "src", tmp_path / "out", min_pixels=0)
    overrides = [f"data_root={tmp_path / 'out'}", "crop_size=(16, 24)"]
    data = load_config(BASE, overrides).data
    assert build_dataset(data.train)[0, 1]["image"].shape == (16, 24, 3)
    assert (build_dataset(data.val, transform_labels=False)[0, 1]["label"] == CLASSES.index("person")).all()


def test_coco_voc_tells_how_to_make_it(tmp_path):
    with pytest.raises(DataError, match=r"segbox convert coco FOLDER"):
        DATASETS.build(dict(type="COCOVOC", root=str(tmp_path)))
    with pytest.raises(ValueError, match="split='trian': is none of train, val"):
        DATASETS.build(dict(type="COCOVOC", root=str(tmp_path), split="trian"))
