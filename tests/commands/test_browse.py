"""tools/browse_dataset.py: it writes a sheet of the split that was asked for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segbox.commands import browse as tool
from segbox.commands import command_parser
from segbox.data.readers.files import read_image
from segbox.errors import ConfigError, UserError
from tests.faulty_data import write_image

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "browse_dataset.py"
DEMO = next((ROOT / "configs" / "demo").glob("*.py"))


def browse(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["browse_dataset.py", str(DEMO), *map(str, words)])
    tool.run(command_parser("browse").parse_args())


def test_sheets(monkeypatch, capsys, tmp_path):
    sheets = {}
    for name, words in {
        "a": [],
        "b": [],
        "other": ["--seed", 1],
        "first": ["--first"],
        "val": ["--split", "val"],
    }.items():
        browse(monkeypatch, "--num", 3, "--out", tmp_path / "new" / f"{name}.png", *words)
        sheets[name] = read_image(tmp_path / "new" / f"{name}.png")
    assert "3 samples of data.val" in capsys.readouterr().out
    assert (sheets["a"] == sheets["b"]).all()  # the same seed, the same sheet
    for name in ("other", "first", "val"):
        assert sheets[name].shape != sheets["a"].shape or (sheets[name] != sheets["a"]).any()


def test_pictures_of_the_user_are_not_written_over(monkeypatch, tmp_path):
    for _ in range(2):
        browse(monkeypatch, "--num", 1, "--out", tmp_path / "sheet.png")
    write_image(tmp_path / "sheet.png", np.zeros((4, 4, 3), np.uint8))
    before = (tmp_path / "sheet.png").read_bytes()
    with pytest.raises(UserError, match=r"sheet\.png would be written over"):
        browse(monkeypatch, "--num", 1, "--out", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes() == before


def test_mistakes(monkeypatch):
    with pytest.raises(UserError, match=r"a\.txt: pictures are written as \.png"):
        browse(monkeypatch, "--out", "a.txt")
    with pytest.raises(ConfigError, match="--num 0"):
        browse(monkeypatch, "--num", 0)
    with pytest.raises(ConfigError, match=r"has no data.val"):
        browse(monkeypatch, "--split", "val", "--cfg-options", "data.val=None")


def test_help_does_not_wait_for_torch():
    code = f"import runpy, sys; sys.argv = ['x', '--help']\ntry: runpy.run_path({str(TOOL)!r}, run_name='__main__')"
    code += "\nexcept SystemExit: sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
