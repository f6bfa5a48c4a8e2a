import numpy as np
import pytest

from segbox.errors import DataError
from tests.convert.made import SIZE, convert, layered, mask_of, naive_area, write_picture

HOUSE = [(3.5, 2.0), (20.25, 4.5), (15.0, 18.0)]
LABELS = "<label><name>road</name></label><label><name>house</name></label>"


def points(polygon):
    return ";".join(f"{x},{y}" for x, y in polygon)


def make(root, *shapes, name="a.jpg", place="images/a.jpg", more=""):
    write_picture(root / place)
    (root / "annotations.xml").write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n{more}<annotations><version>1.1</version><meta><task><labels>{LABELS}'
        f'</labels></task></meta><image id="0" name="{name}" subset="default" width="{SIZE[1]}" height="{SIZE[0]}">'
        f"{''.join(shapes)}</image></annotations>"
    )
    return root


def test_shapes_lie_as_their_z_order_says(tmp_path):
    make(
        tmp_path / "src",
        f'<polygon label="house" points="{points(HOUSE)}" z_order="2"><attribute name="x">1</attribute></polygon>',
        '<box label="road" xtl="2.0" ytl="3.0" xbr="30.0" ybr="9.0" z_order="1"/>',
        '<mask label="road" rle="2, 3, 5, 2" left="20" top="15" width="4" height="3" z_order="0"/>',
        '<ellipse label="road" cx="28" cy="18" rx="5" ry="3" z_order="0"/>',
        '<tag label="sunny"/>',
        place="images/default/a.jpg",
    )
    summary = convert("cvat", tmp_path / "src", tmp_path / "out")
    assert not summary.problems
    road = np.zeros(SIZE, bool)
    road[3:9, 2:30] = True
    road.reshape(-1)[[15 * 36 + 22, 15 * 36 + 23, 16 * 36 + 20, 17 * 36 + 22, 17 * 36 + 23]] = True
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    road |= ((columns - 28) / 5) ** 2 + ((rows - 18) / 3) ** 2 <= 1
    assert (mask_of(tmp_path / "out", "a") == layered((1, road), (2, naive_area(HOUSE)))).all()
    assert (tmp_path / "out/classes.txt").read_text().split() == ["background", "road", "house"]
    assert (tmp_path / "out/images/a.jpg").exists()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<polyline label="road" points="1,2;3,4"/>', "shape 0, polyline 'road': has no area; --skip polyline"),
        ('<polygon label="raod" points="1,2;3,4;5,9"/>', 'is none of .*Did you mean "road"'),
        ('<polygon label="road"/>', "'points' is missing"),
        ('<polygon label="road" points="1;2"/>', "expected x,y;x,y"),
        ('<mask label="road" rle="1,1" left="35" top="0" width="2" height="1"/>', "does not fit"),
        ('<mask label="road" rle="1,99" left="0" top="0" width="2" height="1"/>', "do not fill 2x1"),
    ],
)
def test_a_wrong_shape_is_told(tmp_path, shape, message):
    make(tmp_path / "src", shape)
    problem = convert("cvat", tmp_path / "src", tmp_path / "out").problems[0]
    with pytest.raises(DataError, match=message):
        raise DataError(problem)


def test_kinds_without_area_can_be_skipped(tmp_path):
    make(tmp_path / "src", '<polyline label="road" points="1,2;3,4"/>')
    assert convert("cvat", tmp_path / "src", tmp_path / "out", skip=["polyline"]).written == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(name="../../a.jpg"), r"annotations\.xml: the file name .* leads out of"),
        (dict(name="/a.jpg"), "leads out of"),
        (dict(more='<!DOCTYPE a [<!ENTITY b "c">]>'), "is not what CVAT writes"),
    ],
)
def test_hostile_files_are_refused(tmp_path, change, message):
    make(tmp_path / "src", **change)
    with pytest.raises(DataError, match=message):
        convert("cvat", tmp_path / "src", tmp_path / "out")


def test_what_is_missing_is_told(tmp_path):
    (tmp_path / "src").mkdir()
    with pytest.raises(DataError, match=r"there is no .*annotations\.xml. Expected"):
        convert("cvat", tmp_path / "src", tmp_path / "out")
    (tmp_path / "src/annotations.xml").write_text("<annotations><track/>")
    with pytest.raises(DataError, match="damaged"):
        convert("cvat", tmp_path / "src", tmp_path / "out")
