"""Annotations that mean ill: nothing is written outside, no memory fills up, and what is wrong is told."""

import base64
import itertools
import json
import struct
import zlib

import cv2
import numpy as np
import pytest

from segbox.convert import draw as drawing
from segbox.convert import matlab
from segbox.convert.draw import Region, Shape, largest_first
from segbox.convert.labelme import _mask as labelme_mask
from segbox.errors import DataError
from tests.convert.made import SIZE, convert, write_picture

BOX = [[1.0, 1.0, 20.0, 1.0, 20.0, 20.0]]
ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def coco(root, segmentation=BOX, name="a.jpg", category="thing", size=SIZE, categories=1):
    image = dict(id=1, file_name=name, height=size[0], width=size[1])
    shapes = [dict(id=1, image_id=1, category_id=1, segmentation=segmentation)]
    classes = [dict(id=i + 1, name=category if i == 0 else f"class {i}") for i in range(categories)]
    (root / "annotations").mkdir(parents=True)
    (root / "train2017").mkdir()
    record = dict(images=[image], annotations=shapes, categories=classes)
    (root / "annotations/instances_train2017.json").write_text(json.dumps(record))


def labelme(root, **shape):
    shape = dict(label="thing", shape_type="polygon", points=[[1, 1], [20, 1], [20, 20]]) | shape
    root.mkdir(parents=True)
    record = dict(imagePath="a.jpg", imageHeight=SIZE[0], imageWidth=SIZE[1], shapes=[shape])
    (root / "a.json").write_text(json.dumps(record))


def cvat(root, inside="", name="a.jpg", before="", encoding="utf-8", size=SIZE):
    (root / "images").mkdir(parents=True)
    text = f'<annotations><image name="{name}" height="{size[0]}" width="{size[1]}">{inside}</image></annotations>'
    (root / "annotations.xml").write_bytes((before + text).encode(encoding))


def yolo(root, line="0 0.1 0.1 0.5 0.1 0.5 0.5", names="[a, b]"):
    (root / "labels").mkdir(parents=True)
    (root / "labels/a.txt").write_bytes(line.encode("latin-1"))
    (root / "data.yaml").write_bytes(f"names: {names}\n".encode("latin-1"))


def cityscapes(root, height, width):
    folder = root / "gtFine/train/x"
    folder.mkdir(parents=True)
    (folder / "a_gtFine_polygons.json").write_text(json.dumps(dict(imgHeight=height, imgWidth=width, objects=[])))


def deep_json(root, text):
    (root / "annotations").mkdir(parents=True)
    (root / "train2017").mkdir()
    (root / "annotations/instances_train2017.json").write_text(text)


def large_png(side):
    """Of that many pixels a side, all black."""
    data = zlib.compress(bytes(side + 1) * side)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks]
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def runs(*counts):
    return dict(size=list(SIZE), counts=list(counts))


CASES = {
    "coco: up": ("coco", lambda r: coco(r, name="../../secret.jpg"), "leads out of"),
    "coco: from the root": ("coco", lambda r: coco(r, name="/etc/passwd"), "leads out of"),
    "coco: as Windows": ("coco", lambda r: coco(r, name="..\\..\\secret.jpg"), "leads out of"),
    "coco: no name": ("coco", lambda r: coco(r, name="."), "leads out of"),
    "coco: lines in a name": (
        "coco",
        lambda r: coco(r, name="a\nb.jpg"),
        "'a\\nb.jpg' holds characters that cannot be shown",
    ),
    "coco: half a character": ("coco", lambda r: coco(r, name="\ud800.jpg"), "holds characters that cannot be shown"),
    "coco: lines in a class": ("coco", lambda r: coco(r, category="a\nb"), "class 1 is 'a\\nb'"),
    "coco: no class": ("coco", lambda r: coco(r, category=""), "class 1 is ''"),
    "coco: too many classes": (
        "coco",
        lambda r: coco(r, categories=300),
        "301 classes; class maps and labels",
    ),
    "coco: no such size": ("coco", lambda r: coco(r, size=(10**9, 10**9)), "cannot be 1000000000 pixels wide"),
    "coco: less than nothing": ("coco", lambda r: coco(r, size=(-5, -5)), "cannot be -5 pixels wide and -5 high"),
    "coco: runs that overflow": ("coco", lambda r: coco(r, runs(2**63 - 1, 2**63 - 1, 866)), "do not fill 36x24"),
    "coco: runs that are lists": ("coco", lambda r: coco(r, runs([1], [2, 3])), "do not fill 36x24"),
    "coco: runs that are words": ("coco", lambda r: coco(r, runs("a")), "do not fill 36x24"),
    "coco: deep": ("coco", lambda r: deep_json(r, "[" * 100_000), "is not a JSON file, or it is damaged"),
    "coco: digits": ("coco", lambda r: deep_json(r, '{"images": ' + "9" * 10_000 + "}"), "is not a JSON file"),
    "labelme: a kind that is none": ("labelme", lambda r: labelme(r, shape_type=["a"]), "unsupported kind"),
    "labelme: no mask": (
        "labelme",
        lambda r: labelme(r, shape_type="mask", mask="AAAA"),
        "its mask is no PNG, or does",
    ),
    "labelme: escapes": ("labelme", lambda r: labelme(r, label="\x1b[31m"), "class 1 is '\\x1b[31m'"),
    "cvat: up": ("cvat", lambda r: cvat(r, name="../../secret.jpg"), "leads out of"),
    "cvat: entities": ("cvat", lambda r: cvat(r, "&b;", before=ENTITIES), "is not what CVAT writes"),
    "cvat: hidden entities": ("cvat", lambda r: cvat(r, "&b;", before=ENTITIES, encoding="utf-16"), "is not what CVAT"),
    "cvat: a file": ("cvat", lambda r: cvat(r, before='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "is not what CVAT"),
    "cvat: no such size": ("cvat", lambda r: cvat(r, size=(10**9, 10**9)), "cannot be 1000000000 pixels wide"),
    "cvat: a mask of nothing": (
        "cvat",
        lambda r: cvat(r, '<mask label="a" left="0" top="0" width="-36" height="-24" rle="864"/>'),
        "does not fit into the image",
    ),
    "cvat: turned by nothing": (
        "cvat",
        lambda r: cvat(r, '<ellipse label="a" cx="9" cy="9" rx="3" ry="2" rotation="nan"/>'),
        "is turned by nan degrees",
    ),
    "yolo: no text": ("yolo", lambda r: yolo(r, "\xff\xfe"), "a.txt: is not UTF-8 text (byte 0 is 0xff)"),
    "yolo: no text for names": ("yolo", lambda r: yolo(r, names="[\xff]"), "data.yaml: is not UTF-8 text"),
    "yolo: a name twice": ("yolo", lambda r: yolo(r, names="[a, a]"), "holds 'a' twice"),
    "cityscapes: no such size": ("cityscapes", lambda r: cityscapes(r, 10**5, 10**5), "cannot be 100000 pixels wide"),
    "cityscapes: nothing": ("cityscapes", lambda r: cityscapes(r, 0, 0), "cannot be 0 pixels wide and 0 high"),
}
OPTIONS = {"coco": dict(classes=["all"]), "cityscapes": dict(polygons=True)}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_and_nothing_is_written_outside(tmp_path, case):
    name, make, message = CASES[case]
    source, target = tmp_path / "in/src", tmp_path / "in/out"
    make(source)
    write_picture(tmp_path / "secret.jpg")
    for place in ("a.jpg", "train2017/a.jpg", "images/a.jpg"):
        write_picture(source / place)
    before = {path for path in tmp_path.rglob("*") if target not in (path, *path.parents)}
    with pytest.raises(DataError) as caught:
        problems = convert(name, source, target, **OPTIONS.get(name, {})).problems
        raise DataError("\n".join(problems) or "nothing was wrong")
    assert message in str(caught.value)
    assert {path for path in tmp_path.rglob("*") if target not in (path, *path.parents)} == before
    assert not list(target.rglob("*.png"))


def test_a_mask_is_not_unfolded_to_see_that_it_is_too_large(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *arguments: pytest.fail("was unfolded"))
    with pytest.raises(DataError, match="does not fit into the image"):
        labelme_mask(large_png(100), np.zeros((2, 2)), SIZE)


def test_a_variable_of_zeros_is_not_taken_for_millions_of_parts(monkeypatch, tmp_path):
    zeros = zlib.compress(bytes(2**20))
    header = b" " * 124 + b"\x00\x01IM"
    nested = struct.pack("<II", matlab.MATRIX, 2**20) + bytes(2**20)
    seen = []
    real = matlab._elements
    monkeypatch.setattr(matlab, "_elements", lambda data: (seen.append(e) or e for e in real(data)))
    for data in (struct.pack("<II", matlab.COMPRESSED, len(zeros)) + zeros, nested):
        (tmp_path / "a.mat").write_bytes(header + data)
        with pytest.raises(DataError, match="holds no GTcls"):
            matlab.read_array(tmp_path / "a.mat", "GTcls", "Segmentation")
    assert len(seen) < 3 * matlab.MOST


def test_objects_that_fill_the_memory_are_not_put_in_order(monkeypatch):
    drawn = itertools.count(1)
    shapes = (Shape(next(drawn), (Region(0, 0, np.ones((10, 10), bool)),)) for _ in range(10**9))
    monkeypatch.setattr(drawing, "MOST_HELD", 1000)
    with pytest.raises(DataError, match="its first 11 objects cover 1100 pixels together"):
        largest_first(shapes)
    assert next(drawn) == 12
