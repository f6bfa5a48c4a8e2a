import base64
import json

import cv2
import numpy as np
import pytest

from segbox.data.datasets.folder import FolderDataset
from segbox.errors import DataError
from tests.convert.made import SIZE, convert, layered, mask_of, naive_outline, write_picture

TREE = [(2, 2), (30, 2), (16, 16)]
ROAD = [(5, 10), (33, 10), (33, 22), (17, 22)]


WIRE = [(1.3, 15.2), (12.1, 15.6), (13.4, 20.2)]


def near(points, reach):
    """The pixels whose centre is within reach of one of very many points on the line."""
    line = np.concatenate([np.linspace(a, b, 500) for a, b in zip(points, points[1:] or points)])
    centres = np.moveaxis(np.mgrid[: SIZE[0], : SIZE[1]][::-1], 0, -1)[:, :, None] + 0.5
    return (np.linalg.norm(centres - line, axis=-1) <= reach).any(axis=-1)


def shape(label, points, kind="polygon", **more):
    return dict(label=label, points=points, shape_type=kind, group_id=None, flags={}, **more)


def write(root, name, *shapes, image=None, size=SIZE):
    path = root / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image or f"{path.stem}.jpg"
    record = dict(version="5.4", shapes=shapes, imagePath=image, imageData=None)
    path.write_text(json.dumps(record | dict(imageHeight=size[0], imageWidth=size[1])))
    return path


def test_later_shapes_lie_on_earlier_ones_and_the_result_is_a_data_set(tmp_path):
    write(tmp_path / "src", "json/a", shape("tree", TREE), shape("road", ROAD), image="..\\images\\a.jpg")
    write(tmp_path / "src", "json/b", shape("road", ROAD), shape("tree", TREE), image="../images/b.jpg")
    for name in "ab":
        write_picture(tmp_path / f"src/images/{name}.jpg")
    convert("labelme", tmp_path / "src", tmp_path / "out", split="train")
    tree, road = (2, naive_outline(TREE)), (1, naive_outline(ROAD))
    dataset = FolderDataset(str(tmp_path / "out"), "train")
    assert dataset.classes == ("background", "road", "tree")
    assert (dataset.load(0)["label"] == layered(tree, road)).all()
    assert (dataset.load(1)["label"] == layered(road, tree)).all()


def test_other_kinds_of_shapes(tmp_path):
    write_picture(tmp_path / "src/a.jpg")
    small = np.zeros((4, 5), np.uint8)
    small[1:3, 2:] = 255
    png = base64.b64encode(cv2.imencode(".png", small)[1].tobytes()).decode()
    write(
        tmp_path / "src",
        "a",
        shape("box", [[12.7, 8.2], [3.1, 2.9]], "rectangle"),
        shape("disc", [[20.0, 10.0], [24.0, 10.0]], "circle"),
        shape("bits", [[30, 18], [34, 21]], "mask", mask=png),
        shape("__ignore__", [[0, 20], [5, 20], [5, 23], [0, 23]]),
        shape("_background_", [[3, 2], [4, 2], [4, 3], [3, 3]]),
        shape("wire", WIRE, "linestrip"),
        shape("wire", [[20.0, 20.5]], "point"),
    )
    expected = np.zeros(SIZE, np.uint8)
    expected[2:9, 3:13] = 2
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    expected[(columns - 20) ** 2 + (rows - 10) ** 2 <= 16] = 3
    expected[18:22, 30:35][small > 0] = 1
    expected[20:24, :6] = 255
    expected[2:4, 3:5] = 0
    expected[near(WIRE, 1.5) | near([(20.0, 20.5)], 1.5)] = 4
    convert("labelme", tmp_path / "src", tmp_path / "out", line_width=3)
    assert (mask_of(tmp_path / "out", "a") == expected).all()
    assert (
        "a linestrip has no area; --line-width 10" in convert("labelme", tmp_path / "src", tmp_path / "two").problems[0]
    )


def test_everything_labelled(tmp_path):
    write_picture(tmp_path / "src/a.jpg")
    write(tmp_path / "src", "a", shape("sky", TREE))
    convert("labelme", tmp_path / "src", tmp_path / "out", no_background=True)
    assert (mask_of(tmp_path / "out", "a") == layered((0, naive_outline(TREE)), start=255)).all()


@pytest.mark.parametrize(
    ("label", "points", "message"),
    [
        ("tee", TREE, "the label 'tee' is none of .*Did you mean \"tree\"?"),
        ("tree", TREE[:2], r"a\.json: shape 0 \('tree'\): a polygon of 2 points; it needs 3"),
        ("tree", [[1, 2], [3, None], [4, 4]], "far outside"),
    ],
)
def test_a_wrong_shape_is_told(tmp_path, label, points, message):
    write_picture(tmp_path / "src/a.jpg")
    write(tmp_path / "src", "a", shape(label, points))
    problem = convert("labelme", tmp_path / "src", tmp_path / "out", classes=["tree"]).problems[0]
    with pytest.raises(DataError, match=message):
        raise DataError(problem)


@pytest.mark.parametrize("image", ["../../secret.jpg", "/etc/passwd", "..\\..\\x.jpg", "D:\\x.jpg", "a\0.jpg"])
def test_a_path_that_leaves_the_source_is_refused(tmp_path, image):
    write(tmp_path / "src", "deep/a", shape("tree", TREE), image=image)
    with pytest.raises(DataError, match=r"a\.json: the file name .* leads out of"):
        convert("labelme", tmp_path / "src", tmp_path / "out")


def test_a_damaged_file_is_named(tmp_path):
    path = write(tmp_path / "src", "a", shape("tree", TREE))
    path.write_text(path.read_text()[:50])
    with pytest.raises(DataError, match=r"a\.json: is not a JSON file, or it is damaged"):
        convert("labelme", tmp_path / "src", tmp_path / "out")
