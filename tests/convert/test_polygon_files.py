"""What is written as polygons is read back, pixel for pixel."""

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from segbox.convert.outlines import outlines_of
from segbox.convert.polygon_files import POLYGONS, commands_back, polygon_files
from segbox.errors import DataError
from tests.convert.made import convert, mask_of, write_picture

PLAIN = tuple(f"class {chr(97 + i)}" for i in range(16))
GROUNDED = ("thing <&>", "background", *PLAIN[:14])  # where the background is not the first
RINGS = np.pad(np.pad(np.pad([[3]], 1, constant_values=2), 2, constant_values=255), 1, constant_values=1)
SHAPES = {
    "one_pixel": np.array([[5]]),
    "one_row": np.array([[0, 1, 1, 255, 0]]),
    "rings": RINGS,
    "rings_of_ground": np.pad(np.pad([[1]], 2, constant_values=4), 1, constant_values=1),
    "diagonal": np.where(np.eye(9), 3, 1),
    "chess": np.indices((8, 9)).sum(axis=0) % 2,
    "hole_at_a_corner": np.array([[2, 2, 2, 2], [2, 0, 2, 2], [2, 2, 0, 2], [2, 2, 2, 1]]),
    "ground": np.ones((4, 5)),
    "all": np.arange(16).reshape(2, 8),
}


def random_map(seed: int) -> np.ndarray:
    """Blocks, single pixels, and ignored ones."""
    rng = np.random.default_rng(seed)
    size, side = rng.integers(1, 24, 2), rng.integers(1, 5)
    label = rng.integers(0, rng.integers(1, 17), size // side + 1).repeat(side, 0).repeat(side, 1)[: size[0], : size[1]]
    speckled = rng.random(size)
    label[speckled < 0.1] = rng.integers(0, 16)
    label[speckled > 0.92] = 255
    return label


MAPS = {name: label.astype(np.uint8) for name, label in SHAPES.items()}
MAPS |= {f"deep/er_{seed}": random_map(seed).astype(np.uint8) for seed in range(16)}


def write(root: Path, classes: tuple[str, ...], maps: dict[str, np.ndarray], kinds=POLYGONS, **settings) -> Path:
    with polygon_files(root / "out", kinds, classes, **settings) as add:
        for name, label in maps.items():
            add(write_picture(root / "images" / f"{name}.png", label.shape), f"{name}.png", Path(name), label)
    return root / "out"


def read_back(root: Path, kind: str, classes: tuple[str, ...]) -> Path:
    """By the command that `segbox predict` prints."""
    words = shlex.split(commands_back(root / "out", [kind], root / "images", classes)[0])
    options = {"classes": [words[words.index("--classes") + 1]]} if "--classes" in words else {}
    options |= {name: words[words.index(f"--{name}") + 1] for name in ("json", "images") if f"--{name}" in words}
    target = root / f"new_{kind}"
    assert words[:3] == ["segbox", "convert", kind]
    summary = convert(kind, Path(words[3]), target, no_background="--no-background" in words, **options)
    assert not summary.problems
    return target


@pytest.mark.parametrize("kind", POLYGONS)
@pytest.mark.parametrize("classes", [PLAIN, GROUNDED], ids=["no background", "background"])
def test_every_pixel_comes_back(tmp_path, kind, classes):
    write(tmp_path, classes, MAPS, [kind])
    target = read_back(tmp_path, kind, classes)
    assert (target / "classes.txt").read_text().splitlines() == list(classes)
    wrong = [name for name, label in MAPS.items() if (mask_of(target, name) != label).any()]
    assert not wrong


def test_regions_that_lie_in_each_other_are_drawn_in_their_order(tmp_path):
    """Only the ground in a region is drawn; CVAT's z_order counts the regions around."""
    out = write(tmp_path, GROUNDED, {"a": MAPS["rings_of_ground"]})
    record = json.loads((out / "labelme/a.json").read_text())
    assert [shape["label"] for shape in record["shapes"]] == ["class c", "background"]
    assert record["imagePath"] == "../../images/a.png" and record["imageData"] is None
    polygons = ElementTree.parse(out / "annotations.xml").findall("image/polygon")
    assert [(p.get("label"), p.get("z_order")) for p in polygons] == [("class c", "0"), ("background", "1")]
    annotations = json.loads((out / "coco.json").read_text())["annotations"]
    assert [(a["category_id"], a["area"], a["bbox"]) for a in annotations] == [(5, 24, [1, 1, 5, 5])]
    assert annotations[0]["segmentation"]["size"] == [7, 7]


def test_neighbours_with_fewer_corners_leave_no_gap(tmp_path):
    """Three regions that meet in slanted lines: their common outlines stay common."""
    rows, columns = np.indices((120, 160))
    label = np.where(columns * 0.4 + rows < 90, 0, np.where(columns - rows * 0.3 < 100, 1, 2)).astype(np.uint8)
    exact, simple = tmp_path / "exact", tmp_path / "simple"
    write(exact, PLAIN, {"a": label}, ["coco"])
    write(simple, PLAIN, {"a": label}, ["coco"], tolerance=1.5)
    corners = [
        sum(len(a["segmentation"][0]) // 2 for a in json.loads((root / "out/coco.json").read_text())["annotations"])
        for root in (exact, simple)
    ]
    mask = mask_of(read_back(simple, "coco", PLAIN), "a")
    assert corners[0] > 200 and corners[1] < 30
    assert (mask != 255).all() and (mask != label).mean() < 0.01


@pytest.mark.parametrize("tolerance", [0.0, 0.5, 1.5])
def test_neighbours_have_the_same_edges(tolerance):
    """Also where one of them goes straight on and the other turns: its outline has a corner there, too."""
    rows, columns = np.indices((40, 50))
    label = (np.where(columns < 20, 0, np.where(rows + columns // 3 < 25, 1, 2)) + 3 * (rows // 31)).astype(np.uint8)
    loops = [loop for outline in outlines_of(label, 255, tolerance) for loop in (outline.outer, *outline.holes)]
    edges = {(*a, *b) for loop in loops for a, b in zip(loop.corners.tolist(), np.roll(loop.corners, -1, 0).tolist())}
    inner = {(x, y, u, v) for x, y, u, v in edges if not (x == u and x in (0, 50)) and not (y == v and y in (0, 40))}
    assert len(inner) > 8 and inner == {(u, v, x, y) for x, y, u, v in inner}


def test_a_tolerance_bounds_the_distance(tmp_path):
    label = np.zeros((80, 80), np.uint8)
    cv2.circle(label, (40, 40), 30, 1, -1)
    label[10, 70] = 2  # thinner than the tolerance
    for tolerance in (0.5, 3.0):
        root = tmp_path / str(tolerance)
        write(root, ("background", *PLAIN), {"a": label}, ["labelme"], tolerance=tolerance)
        mask = mask_of(read_back(root, "labelme", ("background", *PLAIN)), "a")
        rows, columns = np.nonzero(mask != label)
        distance = abs(np.hypot(rows - 40, columns - 40) - 30)
        assert distance[(rows != 10) | (columns != 70)].max() <= tolerance + 1
        assert (mask[10, 70] == 0) == (tolerance == 3.0)


def test_specks_get_the_class_around_them(tmp_path):
    label = np.zeros((9, 12), np.uint8)
    label[:, 8:] = 1
    label[2:4, 2:4], label[2, 2] = 2, 3  # a speck in a speck
    label[4:8, 3:6] = 4
    label[0, 8] = 5  # beside two classes: most of its sides are at 1
    expected = label.copy()
    expected[2:4, 2:4], expected[0, 8] = 0, 1
    write(tmp_path, PLAIN, {"a": label}, ["cvat"], min_area=5)
    assert (mask_of(read_back(tmp_path, "cvat", PLAIN), "a") == expected).all()


def test_nothing_is_left_of_a_call_that_fails(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(KeyError), polygon_files(tmp_path / "out", ["coco", "cvat"], PLAIN) as add:
        add(tmp_path / "a.png", "a.png", Path("a"), MAPS["chess"])
        raise KeyError
    assert not [path for path in (tmp_path / "out").iterdir() if path.name[0] != "."]


def test_a_name_that_cannot_be_shown(tmp_path):
    with polygon_files(tmp_path, ["cvat"], PLAIN) as add, pytest.raises(DataError, match="rename the file"):
        add(tmp_path / "a\x1b.png", "a\x1b.png", Path("a\x1b"), MAPS["chess"])
