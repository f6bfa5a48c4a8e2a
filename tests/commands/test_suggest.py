"""segbox suggest: what it prints and writes, planted duplicates, files that cannot be read, and wrong usage."""

import csv
import json

import numpy as np
import pytest

from segbox.commands import command_parser, parsed
from segbox.commands import suggest as tool
from segbox.errors import DataError, UserError
from segbox.outputs import RECORD
from tests.faulty_data import cut, smooth_image, write_image
from tests.trained import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("run"))


@pytest.fixture
def pictures(tmp_path):
    """Six pictures; of two of them there are copies, one with a little noise."""
    rng = np.random.default_rng(0)
    for i in range(6):
        image = smooth_image(40, 56, seed=i)
        write_image(tmp_path / "pictures" / f"{i}.png", image)
        if i < 2:
            write_image(tmp_path / "pictures" / f"{i}_copy.png", image)
            noise = rng.integers(0, 2, image.shape, dtype=np.uint8)
            write_image(tmp_path / "pictures" / f"{i}_noise.png", image - noise)
    return tmp_path / "pictures"


def run(*words):
    tool.run(parsed(command_parser("suggest"), "suggest", [*map(str, words)]))


def test_near_duplicates_are_not_suggested_together(checkpoint, pictures, tmp_path, capsys):
    run(checkpoint, pictures, "--count", 10, "--out", tmp_path / "next.txt")
    names = [line.rsplit("/", 1)[1] for line in (tmp_path / "next.txt").read_text().splitlines()]
    assert sorted(name[0] for name in names) == list("012345")
    assert (
        "No more than 6: the model is certain of all others, or they look like one of these" in capsys.readouterr().out
    )


def test_the_list_and_the_page(checkpoint, pictures, tmp_path, capsys):
    files = {kind: tmp_path / f"next.{kind}" for kind in ("txt", "csv", "json", "html")}
    for kind in ("txt", "csv", "json"):
        run(checkpoint, pictures, "--count", 3, "--out", files[kind], "--html", files["html"])
    printed = capsys.readouterr().out
    names = files["txt"].read_text().splitlines()
    rows = json.loads(files["json"].read_text())
    assert [row["image"] for row in rows] == names and len(names) == 3  # the same in each call
    assert [row["image"] for row in csv.DictReader(files["csv"].read_text().splitlines())] == names
    assert rows[0]["uncertainty"] >= max(row["uncertainty"] for row in rows)
    for row in rows:
        assert f"{row['image']}: {row['reason']}" in printed
        assert row["class"] in row["reason"] and row["other_class"] in row["reason"]
    text = files["html"].read_text()
    assert text.count("data:image/jpeg;base64,") == 9 and "http" not in text and "<script" not in text


def test_a_config_may_stand_before_the_checkpoint(checkpoint, pictures, capsys):
    run(checkpoint.parent / "tiny.py", checkpoint, pictures, "--count", 1)
    assert capsys.readouterr().out.startswith("  1. ")


def test_files_that_cannot_be_read_are_listed(checkpoint, pictures, tmp_path, capsys):
    cut(pictures / "5.png")
    with pytest.raises(DataError, match=r"1 of 10 pictures could not be read \(all others were looked at\)"):
        run(checkpoint, pictures, "--count", 2, "--out", tmp_path / "next.txt")
    assert len((tmp_path / "next.txt").read_text().splitlines()) == 2
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_text("text")
    with pytest.raises(DataError, match="none of the pictures can be read"):
        run(checkpoint, tmp_path / "bad")


def test_wrong_usage(checkpoint, pictures, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "film.mp4").write_text("")
    for words, message in (
        ([pictures, "--count", 0], "--count 0: expected 1 or more"),
        ([pictures, "--out", "list.xls"], "--out list.xls: the list is written as .txt, .csv, .json"),
        ([pictures, "--out", tmp_path / "mine.txt"], "mine.txt would be written over"),
        ([tmp_path / "nowhere"], "there is no such file or folder"),
        ([tmp_path / "film.mp4"], "is a video; name a folder of pictures"),
    ):
        with pytest.raises(UserError, match=message):
            run(checkpoint, *words)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not (tmp_path / RECORD).exists()
