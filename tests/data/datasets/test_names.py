"""Lists of files: their names are kept small, and long lists take no time of note."""

import os
import time

import pytest

from segbox.data.datasets.names import FileNames
from segbox.data.datasets.pairs import (
    PairDataset,
    known_name,
    match_names,
    paths_in,
    read_lines,
    read_names,
    walk_files,
)
from segbox.errors import DataError
from tests.faulty_data import write_pairs


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a"],
        ["a", "a/b", "a/c.png"],
        ["/data/x/1.png", "/data/x/22.png", "/data/y.png"],
        ["ü/é.png", "ü/\udcc3.png", "ü/\udcc3x\udca9", "ü/車"],  # bytes that are no UTF-8, too
        ["same", "same"],
        ["", "b"],
    ],
)
def test_names_come_back(names):
    kept = FileNames(iter(names))
    assert len(kept) == len(names) and list(kept) == names
    assert names == [] or kept[-1] == names[-1]
    with pytest.raises(IndexError):
        kept[len(names)]


def test_a_long_common_begin_is_kept_once():
    kept = FileNames(f"/{'folder/' * 20}{i:06d}.png" for i in range(1000))
    assert kept.begin == f"/{'folder/' * 20}000" and len(kept.content) == 1000 * len("123.png")


def test_pairs_are_found_as_text_and_given_as_paths(tmp_path):
    root = write_pairs(tmp_path, ["b", "x/a", "x/c"])
    images, labels = root / "images/train", root / "annotations/train"
    found, masks = paths_in(images, ".png", ".jpg"), paths_in(labels, ".png")
    pairs = match_names(found, masks, None, images, "")
    assert pairs == [(f"{images}/{name}.jpg", f"{labels}/{name}.png") for name in ("b", "x/a", "x/c")]
    dataset = PairDataset(pairs, ("a", "b", "c"), [(0, 0, 0)] * 3)
    assert dataset.files(1) == (images / "x/a.jpg", labels / "x/a.png")
    assert match_names(found, masks, ["x/c", "b"], images, "") == [pairs[2], pairs[0]]
    given = PairDataset([(images / "b.jpg", labels / "b.png")], ("a", "b", "c"), [(0, 0, 0)] * 3)  # paths will do too
    assert given[0, None]["path"] == f"{images}/b.jpg"


def test_what_lies_in_a_folder(tmp_path):
    for name in ("a.png", "sub/b.png", "sub/.hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(walk_files(tmp_path)) == [("", "a.png"), (os.path.join("sub", ""), "b.png")]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("a", "a"),
        ("x/b", "x/b"),
        ("/data/set/train/a.png /data/set/trainannot/a.png", "a"),
        ("./images/x/b.jpg", "x/b"),
        ("images//x/b.jpg", "x/b"),
        ("b.png", "b.png"),
        ("nothing.jpg", "nothing.jpg"),
        ("/", "/"),
        ("two words.png", "two words.png"),
        ("with.dot.png", "with.dot"),
    ],
)
def test_the_name_that_a_line_means(line, name):
    assert known_name(line, {"a", "x/b", "with.dot"}) == name


def test_names_of_vocs_lists(tmp_path):
    (tmp_path / "a.txt").write_text("2007_01\n/JPEGImages/2007_02.jpg /Masks/2007_02.png\nx/2007.03.png  1\n")
    assert read_names(tmp_path / "a.txt") == ["2007_01", "2007_02", "2007.03"]


def test_many_repeated_lines_are_told_at_once(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"name_{i % 15000}\n" for i in range(30000)))
    begin = time.process_time()
    with pytest.raises(DataError, match=r"lists 15000 names more than once \(name_0, name_1, name_10, \.\.\.\)"):
        read_lines(tmp_path / "a.txt")
    assert time.process_time() - begin < 5  # pairwise, it takes half a minute
