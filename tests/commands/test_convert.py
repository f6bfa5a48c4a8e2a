"""The command that converts data sets."""

import subprocess
import sys

import pytest

from segbox.convert.formats import COMMANDS
from tests.convert.made import mask_of
from tests.convert.test_labelme import TREE, shape, write, write_picture
from tests.runs import ROOT, run_tool

TOOL = "convert_dataset.py"


@pytest.fixture
def source(tmp_path):
    for name in "ab":
        write_picture(tmp_path / f"src/{name}.jpg")
        write(tmp_path / "src", name, shape("tree", TREE))
    return tmp_path / "src"


def test_a_conversion_is_told_and_goes_on(source, tmp_path, monkeypatch, capsys):
    assert run_tool(monkeypatch, TOOL, "labelme", source, tmp_path / "out", "--workers", 2) == 0
    text = capsys.readouterr().out
    assert "2 masks written, 0 were there already" in text and "1 tree" in text
    assert run_tool(monkeypatch, TOOL, "labelme", source, tmp_path / "out", "--copy", "--workers", 0) == 0
    assert "0 masks written, 2 were there already" in capsys.readouterr().out
    assert not (tmp_path / "out/images/a.jpg").is_symlink()
    assert mask_of(tmp_path / "out", "a").max() == 1


def test_a_broken_file_ends_with_status_2_when_all_others_are_done(source, tmp_path, monkeypatch, capsys):
    (source / "b.jpg").write_bytes(b"no image")
    assert run_tool(monkeypatch, TOOL, "labelme", source, tmp_path / "out", "--workers", 2) == 2
    said = capsys.readouterr()
    assert "1 masks written" in said.out
    assert said.err.startswith("error: 1 of 2 files could not be converted") and "src/b.j" in said.err


def test_wrong_input_ends_with_status_2(source, tmp_path, monkeypatch, capsys):
    assert run_tool(monkeypatch, TOOL, "coco", source, tmp_path / "out") == 2
    assert "instances_train2017.json. Expected:\n  annotations/instances_" in capsys.readouterr().err
    write(source, "a", shape("tree", TREE), image="../../a.jpg")
    assert run_tool(monkeypatch, TOOL, "labelme", source, tmp_path / "out") == 2
    assert "leads out of" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert run_tool(monkeypatch, TOOL, "labelmee", source, tmp_path / "out") == 2


def test_help_shows_every_source_and_its_options(monkeypatch, capsys):
    assert run_tool(monkeypatch, TOOL, "--help") == 0
    text = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert f"\n{name}: {command.summary}\n" in text and "SRC" in command.tree
        assert run_tool(monkeypatch, TOOL, name, "--help") == 0
        assert command.tree.strip().splitlines()[0] in capsys.readouterr().out


def test_help_waits_for_nothing_heavy():
    code = (
        f"import runpy, sys\nsys.argv = ['x', 'coco', '--help']\n"
        f"try:\n    runpy.run_path({str(ROOT / 'tools' / TOOL)!r}, run_name='__main__')\n"
        "except SystemExit:\n    assert not {'torch', 'cv2', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
