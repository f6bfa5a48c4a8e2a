"""segbox check CONFIG --with CHECKPOINT, and --folds K: what they print and write, and wrong usage."""

import json
import re

import pytest

from segbox.commands import check as tool
from segbox.commands import command_parser
from segbox.errors import UserError
from segbox.outputs import RECORD
from tests.runs import write_config
from tests.trained import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("run"))


def status(*words):
    with pytest.raises(SystemExit) as ended:
        tool.run(command_parser("check").parse_args([*map(str, words)]))
    return ended.value.code


def test_places_are_printed_and_written(checkpoint, tmp_path, capsys):
    config = checkpoint.parent / "tiny.py"
    numbers, page = tmp_path / "found.json", tmp_path / "found.html"
    for _ in range(2):  # its own files are written over
        assert status(config, "--with", checkpoint, "--json", numbers, "--html", page, "--top", 3) == 1
    out = capsys.readouterr().out
    found = json.loads(numbers.read_text())
    assert found["images"] == 6 and len(found["places"]) > 3
    assert "data.train, judged by" in out and "places in 6 of them" in out
    assert "  3. shapes-0-" in out and "  4. " not in out and "more: --top" in out
    assert "may repeat their errors" in out
    first = found["places"][0]
    x, y = first["point"]["x"], first["point"]["y"]
    box = first["box"]
    assert box["x"] <= x < box["x"] + box["width"] and box["y"] <= y < box["y"] + box["height"]
    assert first["score"] == max(place["score"] for place in found["places"])
    text = page.read_text()
    assert text.count('class="card place"') == 3 and text.count("data:image/jpeg;base64,") == 9
    assert "http" not in text and "<script" not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORD, "found.html", "found.json"]


def test_the_validation_set(checkpoint, capsys):
    assert status(checkpoint.parent / "tiny.py", "--with", checkpoint, "--split", "val") in (0, 1)
    out = capsys.readouterr().out
    assert "data.val" in out and "3 images" in out and "repeat their errors" not in out


def test_each_part_is_judged_by_a_model_of_the_others(tmp_path, capsys):
    config = write_config(tmp_path, "train = dict(max_steps=2)\n")
    assert status(config, "--folds", 3, "--json", tmp_path / "found.json") in (0, 1)
    out = capsys.readouterr().out
    assert [f"part {i} of 3: 4 images to train on, 2 to judge" in out for i in (1, 2, 3)] == [True] * 3
    assert "judged by 3 models, each without the images that it judges" in out and "repeat their errors" not in out
    assert json.loads((tmp_path / "found.json").read_text())["images"] == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORD, "found.json", "tiny.py"]  # no work dirs


def test_the_time_is_for_all_parts(tmp_path, capsys):
    assert status(write_config(tmp_path), "--folds", 2, "--time", "4s") in (0, 1)
    assert re.search("--time [12]s: the run has", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--top 3", "--split, --top, --time and --device belong to --with CHECKPOINT or --folds K"),
        ("--with a.pt --folds 2", "give one of them"),
        ("--folds 1", "--folds 1: expected 2 parts or more"),
        ("--folds 7", "--folds 7: expected 2 to 6 parts, the number of images"),
        ("--folds 2 --split val", "--folds judges the images of data.train"),
        ("--folds 2 --time soon", "--time soon: expected hours, minutes and seconds"),
        ("--with a.pt --time 1m", "--with trains nothing"),
        ("--with a.pt --top 0", "--top 0: expected 1 or more"),
        ("--with a.pt", "there is no checkpoint a.pt"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        tool.run(command_parser("check").parse_args([str(write_config(tmp_path)), *options.split()]))


def test_a_folder_has_no_config(tmp_path):
    with pytest.raises(UserError, match="need a config that names the data; segbox init DIR writes one"):
        tool.run(command_parser("check").parse_args([str(tmp_path), "--with", "a.pt"]))


def test_a_split_that_is_not_there_and_a_mode_that_sees_a_part(checkpoint):
    config = checkpoint.parent / "tiny.py"
    for option, message in (("data.val=None", "has no data.val"), ("test.mode=crop", "test.mode: crop sees a part")):
        words = [str(config), "--with", str(checkpoint), "--split", "val", "--cfg-options", option]
        with pytest.raises(UserError, match=message):
            tool.run(command_parser("check").parse_args(words))
