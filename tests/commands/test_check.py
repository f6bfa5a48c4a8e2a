"""tools/check_dataset.py: its exit status, and the files it writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from segbox.commands import check as tool
from segbox.commands import command_parser
from segbox.errors import UserError
from tests.doctor.broken_set import write_broken_set
from tests.faulty_data import blocky_label, smooth_image, write_image

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "check_dataset.py"
DEMO = next((ROOT / "configs" / "demo").glob("*.py"))


def status(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["check_dataset.py", *map(str, words), "--workers", "0"])
    with pytest.raises(SystemExit) as ended:
        tool.run(command_parser("check").parse_args())
    return ended.value.code


def test_a_config_without_problems(monkeypatch, capsys):
    few = ["data.train.num_images=40", "data.val.num_images=20"]
    assert status(monkeypatch, DEMO, "--cfg-options", *few) == 0
    assert "No problems: ready to train." in capsys.readouterr().out


def test_a_folder_with_problems(monkeypatch, capsys, tmp_path):
    root = write_broken_set(tmp_path / "set")
    page, numbers = tmp_path / "out/page.html", tmp_path / "out/numbers.json"
    assert status(monkeypatch, root, "--html", page, "--json", numbers) == 1
    assert "14 problems" in capsys.readouterr().out
    assert len(json.loads(numbers.read_text())["problems"]) == 14
    text = page.read_text()
    assert "unknown id" in text and "data:image/jpeg;base64," in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")  # nothing is fetched


@pytest.mark.parametrize("option", ["--html", "--json"])
def test_files_of_the_user_are_not_written_over(monkeypatch, tmp_path, option):
    few = ["--cfg-options", "data.train.num_images=4", "data.val.num_images=2"]
    for _ in range(2):
        assert status(monkeypatch, DEMO, option, tmp_path / "found", *few) == 1  # of few images
    (tmp_path / "found").write_text("mine")
    with pytest.raises(UserError, match="found would be written over"):
        status(monkeypatch, DEMO, option, tmp_path / "found")
    assert (tmp_path / "found").read_text() == "mine"
    with pytest.raises(UserError, match="--json and --html would both be written to"):
        status(monkeypatch, DEMO, "--html", tmp_path / "one", "--json", tmp_path / "one")


def test_a_folder_of_black_and_white(monkeypatch, capsys, tmp_path):
    for i in range(2):
        write_image(tmp_path / f"images/{i}.png", smooth_image(24, 32, seed=i))
        write_image(tmp_path / f"masks/{i}.png", 255 * blocky_label(24, 32, num_classes=2))
    assert status(monkeypatch, tmp_path) == 0  # taken for two classes
    out = capsys.readouterr().out
    assert "all: the masks hold 0 and 255; 255 is read as the second class" in out
    assert "a config that says so with label_map={255: 1}" in out


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (["a"], "all: there is one image only: no split into train and val"),
        (["a", "b"], "all: all 2 images are the same, pixel by pixel: no split into train and val"),
    ],
)
def test_a_folder_that_cannot_be_split(monkeypatch, capsys, tmp_path, images, message):
    for name in images:
        write_image(tmp_path / f"images/{name}.png", smooth_image(24, 32))
        write_image(tmp_path / f"masks/{name}.png", blocky_label(24, 32, num_classes=2))
    assert status(monkeypatch, tmp_path) == 1
    assert message in capsys.readouterr().out


def test_an_image_that_is_in_train_and_in_val_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, seed in {"train/a": 1, "train/b": 2, "val/c": 3, "val/again": 1}.items():
        write_image(tmp_path / f"set/images/{name}.png", smooth_image(24, 32, seed=seed))
        write_image(tmp_path / f"set/masks/{name}.png", blocky_label(24, 32, num_classes=2))
    assert status(monkeypatch, tmp_path / "set") == 1
    out = capsys.readouterr().out
    assert "val: 1 image of 'val' is in 'train' too, pixel by pixel: scores would be too good" in out
    assert "set/images/val/again.png: the same as set/images/train/a.png" in out


def run(*words):
    return subprocess.run([sys.executable, TOOL, *map(str, words)], capture_output=True, text=True)


def test_help_does_not_wait_for_torch():
    code = f"import runpy, sys; sys.argv = ['x', '--help']\ntry: runpy.run_path({str(TOOL)!r}, run_name='__main__')"
    code += "\nexcept SystemExit: sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_wrong_usage(tmp_path):
    result = run("nowhere.py")
    assert result.returncode == 2 and "error: there is no config file nowhere.py" in result.stderr
    result = run(tmp_path, "--cfg-options", "a=1")
    assert result.returncode == 2 and "this is a folder" in result.stderr
