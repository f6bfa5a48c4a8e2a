"""What the doctor prints for masks in colours is a command that can be run as it is printed."""

import re
import shlex

import numpy as np
import pytest

from segbox.data.datasets.folder import FolderDataset
from segbox.data.readers.files import read_label
from segbox.doctor.colour_masks import command_for, folders_of
from tests.faulty_data import blocky_label, smooth_image, write_deep_png, write_image
from tests.runs import run_tool

SIZE = (24, 40)
DEEP = np.array([(65535, 0, 300), (65534, 0, 300), (40, 50, 60), (0, 257, 0), (1, 2, 3)], np.uint16)
PLAIN = np.array([(255, 0, 3), (254, 0, 3), (40, 50, 60), (0, 25, 0), (1, 2, 3)], np.uint8)


def write_set(root, images, masks, suffix, colours, names=("a", "b")):
    for i, name in enumerate(names):
        write_image(root / f"{images}/{name}.jpg", smooth_image(*SIZE, seed=i))
        label = np.roll(blocky_label(*SIZE, num_classes=len(colours)), i)
        write_deep_png(root / f"{masks}/{name}{suffix}.png", colours[label])
    return root


def printed(text: str) -> list[str]:
    return re.findall(r"`(segbox convert rgb [^`]*)`", text)


@pytest.mark.parametrize("colours", [DEEP, PLAIN], ids=["16 bits", "8 bits"])
@pytest.mark.parametrize(
    ("images", "masks", "suffix", "made"),
    [
        ("images", "masks", "", "annotations"),
        ("images/train", "labels/train", "-id", "annotations/train"),
        ("train/images", "train/masks", "", "annotations"),
    ],
)
def test_the_printed_command_runs(tmp_path, monkeypatch, capsys, colours, images, masks, suffix, made):
    root = write_set(tmp_path / "my set", images, masks, suffix, colours)
    config = (
        f"data = dict(train=dict(type='FolderDataset', root={str(root)!r}, images={images!r}, annotations={masks!r}"
    )
    (tmp_path / "c.py").write_text(f"{config}, label_suffix='{suffix}.png', classes=['x', 'y']))\n")
    assert run_tool(monkeypatch, "check_dataset.py", tmp_path / "c.py", "--workers", 0) == 1
    commands = printed(capsys.readouterr().out)
    assert len(commands) == 1
    _, _, *words = shlex.split(commands[0])
    assert run_tool(monkeypatch, "convert_dataset.py", *words, "--workers", 0) == 0
    target = words[2]
    found = FolderDataset(target, images=made.replace("annotations", "images"), annotations=made)
    assert len(found) == 2 and len(found.classes) == len(colours)
    ranks = {tuple(colour): i for i, colour in enumerate(sorted(map(tuple, colours.tolist())))}
    ids = np.array([ranks[tuple(colour)] for colour in colours.tolist()])
    assert (read_label(found.files(0)[1]) == ids[blocky_label(*SIZE, num_classes=len(colours))]).all()


def test_a_bare_folder(tmp_path, monkeypatch, capsys):
    root = write_set(tmp_path / "set", "images", "masks", "", DEEP)
    assert run_tool(monkeypatch, "check_dataset.py", root, "--workers", 0) == 1
    _, _, *words = shlex.split(printed(capsys.readouterr().out)[0])
    assert run_tool(monkeypatch, "convert_dataset.py", *words, "--workers", 0) == 0
    assert run_tool(monkeypatch, "check_dataset.py", f"{root}_ids", "--workers", 0) == 0


def test_the_palette_beside_the_data_is_in_the_command(tmp_path, monkeypatch, capsys):
    root = write_set(tmp_path / "my set", "images", "masks", "", PLAIN.astype(np.uint16) * 257)
    rows = (f"class {i},{','.join(map(str, colour))}\n" for i, colour in enumerate(PLAIN.tolist()))
    (root / "class_dict.csv").write_text("name,r,g,b\n" + "".join(rows))
    assert run_tool(monkeypatch, "check_dataset.py", root, "--workers", 0) == 1
    _, _, *words = shlex.split(printed(capsys.readouterr().out)[0])
    assert run_tool(monkeypatch, "convert_dataset.py", *words, "--workers", 0) == 0
    found = FolderDataset(f"{root}_ids")
    assert found.classes == tuple(f"class {i}" for i in range(5))
    assert (read_label(found.files(0)[1]) == blocky_label(*SIZE, num_classes=5)).all()


def test_more_colours_than_classes(tmp_path, monkeypatch, capsys):
    root = write_set(tmp_path / "set", "images", "masks", "", np.arange(36 * 3, dtype=np.uint8).reshape(36, 3), ["a"])
    write_image(root / "masks/a.png", smooth_image(*SIZE))
    config = (
        f"data = dict(train=dict(type='FolderDataset', root={str(root)!r}, annotations='masks', classes=['x', 'y']))"
    )
    (tmp_path / "c.py").write_text(config)
    assert run_tool(monkeypatch, "check_dataset.py", tmp_path / "c.py", "--workers", 0) == 1
    command = printed(capsys.readouterr().out)[0]
    assert command.endswith("--palette palette.txt --nearest")
    (tmp_path / "palette.txt").write_text("dark:0,0,0\nbright:255,255,255\n")
    monkeypatch.chdir(tmp_path)
    assert run_tool(monkeypatch, "convert_dataset.py", *shlex.split(command)[2:], "--workers", 0) == 0


def test_places():
    assert folders_of("/d/images/train/a.jpg", "/d/masks/train/a.png") == ("/d/images", "/d/masks", "")
    assert folders_of("/d/a/images/x.jpg", "/d/a/masks/x-m.png") == ("/d/a/images", "/d/a/masks", "-m")
    assert folders_of("/d/a.jpg", "/d/a_mask.png") is None and folders_of("/d/i/a.jpg", "/d/m/mask_a.png") is None
    assert command_for(("images", "masks", "")) == "segbox convert rgb . ids --images images --masks masks"
    words = shlex.split(command_for(("/my d/images", "/my d/masks", "-m"), "palette.txt", True))
    assert words[3:5] == ["/my d", "/my d_ids"] and "--mask-suffix=-m" in words
