import pytest

from segbox.errors import DataError
from tests.convert.made import SIZE, convert, layered, mask_of, naive_outline, write_picture

LARGE = [(2, 2), (33, 2), (33, 21), (2, 21)]
SMALL = [(8, 5), (18, 5), (8, 15)]


def line(number, polygon):
    return " ".join([str(number), *(f"{x / SIZE[1]:.6f} {y / SIZE[0]:.6f}" for x, y in polygon)])


def make(root, *lines, yaml="names: [road, 'stop sign']\n", split="train"):
    write_picture(root / f"images/{split}/a.jpg")
    (root / f"labels/{split}").mkdir(parents=True)
    (root / f"labels/{split}/a.txt").write_text("\n".join(lines) + "\n")
    (root / "data.yaml").write_text(f"path: x  # y\n{yaml}nc: 2\n")
    return root


def test_small_polygons_lie_on_large_ones(tmp_path):
    make(tmp_path / "src", line(1, SMALL), "", line(0, LARGE))
    write_picture(tmp_path / "src/images/val/b.jpg")
    summary = convert("yolo", tmp_path / "src", tmp_path / "out")
    assert summary.written == 2 and not summary.problems
    assert (mask_of(tmp_path / "out", "train/a") == layered((1, naive_outline(LARGE)), (2, naive_outline(SMALL)))).all()
    assert not mask_of(tmp_path / "out", "val/b").any()
    assert (tmp_path / "out/classes.txt").read_text().splitlines() == ["background", "road", "stop sign"]
    convert("yolo", tmp_path / "src", tmp_path / "two", no_background=True)
    expected = layered((0, naive_outline(LARGE)), (1, naive_outline(SMALL)), start=255)
    assert (mask_of(tmp_path / "two", "train/a") == expected).all()


@pytest.mark.parametrize(
    "yaml",
    [
        "names:\n  0: road\n  1: 'stop sign'\n",
        "names:\n- road\n- stop sign\n",
        'names:\n  - road # grey\n  - "stop sign"\n',
        "names: {0: road, 1: stop sign}\n",
        "names: [road,\n  stop sign]\n",
    ],
)
def test_names_as_people_write_them(tmp_path, yaml):
    make(tmp_path / "src", yaml=yaml)
    convert("yolo", tmp_path / "src", tmp_path / "out")
    assert (tmp_path / "out/classes.txt").read_text().splitlines() == ["background", "road", "stop sign"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", r"a\.txt, line 1: is a box, not a polygon"),
        ("2 0.1 0.1 0.5 0.5 0.1 0.5", "class 2, but there are 2 classes"),
        ("0 0.1 0.1 0.5 0.5 0.1", "5 numbers, not pairs"),
        ("0 10 10 50 50 10 50", "fractions of the image, 0 to 1"),
        ("0 nan 0.1 0.5 0.5 0.1 0.5", "fractions of the image"),
        ("road 1", "expected numbers, got 'road 1'"),
    ],
)
def test_a_wrong_line_is_told(tmp_path, text, message):
    make(tmp_path / "src", text)
    problem = convert("yolo", tmp_path / "src", tmp_path / "out").problems[0]
    with pytest.raises(DataError, match=message):
        raise DataError(problem)


def test_what_is_missing_is_told(tmp_path):
    make(tmp_path / "src", yaml="")
    with pytest.raises(DataError, match="has no `names`; give --classes"):
        convert("yolo", tmp_path / "src", tmp_path / "out")
    (tmp_path / "src/labels/train/b.txt").write_text("")
    with pytest.raises(DataError, match=r"1 files in .* have no image \(train/b\)"):
        convert("yolo", tmp_path / "src", tmp_path / "out", classes=["road"])
    with pytest.raises(DataError, match="Expected:\n  images/"):
        convert("yolo", tmp_path / "none", tmp_path / "out")
