"""tools/init_dataset.py: the config it writes loads, builds its data, and is what the folder needs."""

import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from segbox.commands import command_parser
from segbox.commands import init as tool
from segbox.config import load_config
from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.loader import build_dataset
from segbox.errors import DataError, UserError
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.registry import BACKBONES
from segbox.starter import plan
from tests.doctor.broken_set import turn
from tests.faulty_data import blocky_label, smooth_image, write_deep_png, write_image
from tests.runs import run_tool

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "init_dataset.py"


def init(monkeypatch, *words):
    """Without timing steps, unless a test does."""
    monkeypatch.setattr(sys, "argv", ["init_dataset.py", *map(str, words), "--workers", "0", "--no-measure"])
    tool.run(command_parser("init").parse_args())


def write_side_by_side(root, count=10, channels=3, factor=1):
    for i in range(count):
        image = smooth_image(40, 70, channels=channels, seed=i)
        write_image(root / f"{i}.png", image if channels > 1 else image[:, :, 0])
        write_image(root / f"{i}_mask.png", factor * blocky_label(40, 70, num_classes=2))
    return root


def built(path):
    config = load_config(path, ["model.backbone.variant=test"])
    datasets = {split: build_dataset(config.data[split], f"data.{split}") for split in ("train", "val")}
    return config, datasets


def test_masks_on_the_stored_pixels_of_turned_photos(monkeypatch, tmp_path):
    for i in range(4):
        write_image(tmp_path / f"set/masks/{i}.png", blocky_label(40, 70, num_classes=2))
        (tmp_path / "set/images").mkdir(exist_ok=True)
        turn(tmp_path / f"set/images/{i}.jpg", 6, smooth_image(40, 70, seed=i))
    init(monkeypatch, tmp_path / "set", "--out", tmp_path / "c.py")
    config, datasets = built(tmp_path / "c.py")
    assert not config.data.train.exif and not config.data.val.exif
    assert datasets["train"].load(0)["image"].shape[:2] == (40, 70)


def test_a_folder_without_a_split(monkeypatch, capsys, tmp_path):
    root = write_side_by_side(tmp_path / "my set", factor=255)
    write_image(root / "10.png", smooth_image(40, 70, seed=0))  # the first once more
    write_image(root / "10_mask.png", 255 * blocky_label(40, 70, num_classes=2))
    before = sorted(root.iterdir())
    monkeypatch.chdir(tmp_path)
    init(monkeypatch, root)
    out = capsys.readouterr().out
    assert "Written: configs/my_set.py" in out and "9 images to train on, 2 to validate" in out
    assert sorted(root.iterdir()) == before
    config, datasets = built(tmp_path / "configs/my_set.py")
    assert config.data.train.label_map == {255: 1} and datasets["train"].classes == ("background", "foreground")
    names = {s: {Path(d.files(i)[0]).stem for i in range(len(d))} for s, d in datasets.items()}
    assert not names["train"] & names["val"] and len(names["train"] | names["val"]) == 11
    assert {"0", "10"} <= names["train"] or {"0", "10"} <= names["val"]  # equal images on one side
    assert datasets["train"][0, 3]["image"].shape == (64, 64, 3)


def test_the_split_may_go_into_the_folder(monkeypatch, tmp_path):
    root = write_side_by_side(tmp_path / "set")
    init(monkeypatch, root, "--out", tmp_path / "c.py", "--write-split", "--seed", 1)
    assert (root / "splits/train.txt").is_file() and not (tmp_path / "c_train.txt").exists()
    assert len(built(tmp_path / "c.py")[1]["val"]) == 2


@pytest.mark.parametrize("inside", [[], ["--write-split"]])
def test_lists_of_the_user_are_not_written_over(monkeypatch, tmp_path, inside):
    root = write_side_by_side(tmp_path / "set")
    words = [root, "--out", tmp_path / "c.py", "--overwrite", *inside]
    for _ in range(2):
        init(monkeypatch, *words)
    path = root / "splits/val.txt" if inside else tmp_path / "c_val.txt"
    if inside:
        (root / "splits/train.txt").rename(root / "splits/train.old")
    path.write_text("3\n")
    (tmp_path / "c.py").write_text("# before")
    with pytest.raises(UserError, match=r"val\.txt would be written over"):
        init(monkeypatch, *words)
    assert path.read_text() == "3\n" and (tmp_path / "c.py").read_text() == "# before"


def test_only_configs_are_replaced(monkeypatch, tmp_path):
    root = write_side_by_side(tmp_path / "set", count=1)
    with pytest.raises(UserError, match=r"0\.png: a config is a Python file"):
        init(monkeypatch, root, "--out", root / "0.png", "--overwrite")
    with pytest.raises(UserError, match=r"0\.png: is a file, not a folder"):
        init(monkeypatch, root, "--out", root / "0.png/c.py")


def test_one_channel(monkeypatch, tmp_path):
    root = write_side_by_side(tmp_path / "set", channels=1)
    init(monkeypatch, root, "--out", tmp_path / "c.py")
    config, datasets = built(tmp_path / "c.py")
    assert datasets["train"][0, 3]["image"].shape[2] == 1
    model = build_segmentor(without_weights(config.model), 2)
    pixels = np.concatenate([smooth_image(40, 70, channels=1, seed=i).ravel() for i in range(10)])
    assert model.mean.ravel().tolist() == pytest.approx([pixels.mean()], abs=0.01)


def test_splits_and_names_that_are_there(monkeypatch, tmp_path):
    for split, seed in (("train", 0), ("valid", 5)):
        for i in range(2):
            write_image(tmp_path / f"s/{split}/images/{i}.jpg", smooth_image(40, 70, seed=seed + i))
            write_image(tmp_path / f"s/{split}/masks/{i}.png", blocky_label(40, 70, num_classes=3))
    init(monkeypatch, tmp_path / "s", "--out", tmp_path / "c.py", "--classes", "sky", "road", "car")
    config, datasets = built(tmp_path / "c.py")
    assert datasets["val"].classes == ("sky", "road", "car") and "split_file" not in config.data.val
    assert config.data.val.images == "valid/images" and len(datasets["val"]) == 2


def test_problems_are_told_but_the_config_is_written(monkeypatch, capsys, tmp_path):
    root = write_side_by_side(tmp_path / "set")
    write_image(root / "3_mask.png", blocky_label(20, 30, num_classes=2))
    with pytest.raises(SystemExit) as ended:
        init(monkeypatch, root, "--out", tmp_path / "c.py")
    out = capsys.readouterr().out
    assert ended.value.code == 1 and "1 mask of another size" in out and (tmp_path / "c.py").is_file()


def test_large_images_are_scored_in_windows(monkeypatch, tmp_path):
    for i in range(2):
        write_image(tmp_path / f"s/images/{i}.bmp", np.full((1500, 1500, 3), i, np.uint8))
        write_image(tmp_path / f"s/masks/{i}.png", np.full((1500, 1500), i, np.uint8))
    init(monkeypatch, tmp_path / "s", "--out", tmp_path / "c.py")
    assert load_config(tmp_path / "c.py").test.mode == "slide"
    assert load_config(tmp_path / "c.py").data.train.pipeline[1].size == (320, 320)


def run(*words):
    return subprocess.run([sys.executable, TOOL, *map(str, words)], capture_output=True, text=True)


def test_help_does_not_wait_for_torch():
    code = f"import runpy, sys; sys.argv = ['x', '--help']\ntry: runpy.run_path({str(TOOL)!r}, run_name='__main__')"
    code += "\nexcept SystemExit: sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_mistakes_end_with_a_message(tmp_path):
    result = run(tmp_path / "nowhere")
    assert result.returncode == 2 and "error: there is no folder" in result.stderr
    result = run(tmp_path, "--model", "unet_r43")
    assert result.returncode == 2 and 'Did you mean "unet_r34"?' in result.stderr
    (tmp_path / "c.py").write_text("")
    result = run(tmp_path, "--out", tmp_path / "c.py")
    assert result.returncode == 2 and "already exists; --overwrite" in result.stderr


def write_colours(root):
    for i in range(3):
        write_image(root / f"images/{i}.jpg", smooth_image(24, 32, seed=i))
        deep = np.array([(0, 0, 0), (64250, 0, 2313)], np.uint16)[blocky_label(24, 32, 2)]
        write_deep_png(root / f"masks/{i}.png", deep)
    return root


def files_of(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_colour_masks_are_refused_with_their_colours(monkeypatch, tmp_path):
    root = write_colours(tmp_path / "set")
    message = r"no mask holds class ids.*\n.*3 masks with colours .*\(64250, 0, 2313\) 50.0 %(.|\n)*set --yes` converts"
    with pytest.raises(DataError, match=message):
        init(monkeypatch, root, "--out", tmp_path / "c.py")
    assert not (tmp_path / "c.py").exists() and not (tmp_path / "set_ids").exists()


def test_colour_masks_are_converted_with_yes(monkeypatch, capsys, tmp_path):
    root = write_colours(tmp_path / "set")
    (root / "class_dict.csv").write_text("name,r,g,b\nground,0,0,0\ncar,250,0,9\n")
    for split, names in (("train", "0\n1\n"), ("val", "2\n")):
        (root / f"{split}.txt").write_text(names)
    before = files_of(root)
    init(monkeypatch, root, "--out", tmp_path / "c.py", "--yes")
    assert files_of(root) == before and "3 masks written" in capsys.readouterr().out
    config, datasets = built(tmp_path / "c.py")
    assert config.data.train.root == str(tmp_path / "set_ids") and [len(d) for d in datasets.values()] == [2, 1]
    assert datasets["val"].classes == ("ground", "car") and datasets["val"].palette == [(0, 0, 0), (250, 0, 9)]
    assert (datasets["val"].load(0)["label"] == blocky_label(24, 32, 2)).all()
    (root / "class_dict.csv").write_text("name,r,g,b\nearth,0,0,0\ncar,250,0,9\n")
    with pytest.raises(DataError, match=r"made with other settings.*move .*set_ids away, and start again"):
        init(monkeypatch, root, "--out", tmp_path / "c.py", "--yes", "--overwrite")


@pytest.mark.parametrize("answer", ["y", "n", None])
def test_a_terminal_is_asked_before_masks_are_converted(monkeypatch, tmp_path, answer):
    def answered(question):
        if answer is None:
            raise EOFError
        return answer

    root = write_colours(tmp_path / "set")
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answered)
    with nullcontext() if answer == "y" else pytest.raises(DataError, match="no mask holds class ids"):
        init(monkeypatch, root, "--out", tmp_path / "c.py")
    assert (tmp_path / "c.py").exists() == (tmp_path / "set_ids").exists() == (answer == "y")


@pytest.mark.parametrize("channels", [3, 1])
def test_pretrained_weights_for_any_channels(monkeypatch, tmp_path, channels):
    init(monkeypatch, write_side_by_side(tmp_path / "set", channels=channels), "--out", tmp_path / "c.py")
    model = load_config(tmp_path / "c.py").model
    assert model.backbone_weights == "imagenet" and model.backbone.get("in_channels", 3) == channels
    assert ("mean" in model) == (channels == 1)


def write_shapes(root, count=(24, 4)):
    """Generated shapes as a folder with train and val."""
    for seed, (split, number) in enumerate(zip(("train", "val"), count)):
        shapes = ShapesDataset(number, (96, 128), seed=seed)
        for i in range(number):
            sample = shapes.load(i)
            write_image(root / f"images/{split}/{i}.png", sample["image"])
            write_image(root / f"masks/{split}/{i}.png", sample["label"])
    return root


def test_the_budget_and_the_purpose_reach_the_config(monkeypatch, capsys, tmp_path):
    root = write_shapes(tmp_path / "shapes", count=(12, 4))
    steps = {}
    for budget in ("5m", "20m"):
        init(monkeypatch, root, "--out", tmp_path / f"{budget}.py", "--time", budget, "--for", "speed")
        steps[budget] = load_config(tmp_path / f"{budget}.py").train.max_steps
    assert steps["20m"] > 2 * steps["5m"] > 100
    out = capsys.readouterr().out
    assert "guessed, not measured" in out and "steps count, not epochs" in out and "for speed" in out
    text = (tmp_path / "5m.py").read_text()
    assert "5:00 in all." in text and "flip=True" not in text
    assert "/shapes --time 5m --for speed --weights imagenet\n" in text


def test_too_little_time_writes_nothing(monkeypatch, tmp_path):
    root = write_side_by_side(tmp_path / "set")
    with pytest.raises(UserError, match=r"--time: 3 s are too short.*Give --time \d+[sm] or more"):
        init(monkeypatch, root, "--out", tmp_path / "out/c.py", "--time", "3s")
    for option, word, message in (
        ("--time", "soon", "--time soon: expected hours"),
        ("--device", "mps", "cpu and cuda"),
    ):
        with pytest.raises(UserError, match=message):
            init(monkeypatch, root, "--out", tmp_path / "out/c.py", option, word)
    assert not (tmp_path / "out").exists()


def test_weights_of_a_file_choose_the_model(monkeypatch, tmp_path):
    torch.save(BACKBONES.build(dict(type="MobileNetV2")).state_dict(), tmp_path / "w.pth")
    words = ["--weights", tmp_path / "w.pth", "--mean", 127.5, "--std", 127.5, "--time", "10h"]
    init(monkeypatch, write_side_by_side(tmp_path / "set"), "--out", tmp_path / "c.py", *words)
    model = load_config(tmp_path / "c.py").model
    assert (model.backbone.type, model.mean, model.std) == ("MobileNetV2", 127.5, 127.5)
    assert model.backbone_weights == str(tmp_path / "w.pth")


@pytest.mark.slow
def test_a_measured_config_trains_in_its_time(monkeypatch, capsys, tmp_path):
    """Steps are timed for real, and the run ends in about its time (not more, as others may use the machine too)."""
    root = write_shapes(tmp_path / "shapes")
    monkeypatch.setattr(plan, "LEAST_STEPS", 10)
    monkeypatch.chdir(tmp_path)
    words = ["init_dataset.py", str(root), "--weights", "none", "--for", "speed", "--time", "80s"]
    monkeypatch.setattr(sys, "argv", words)
    tool.run(command_parser("init").parse_args())
    assert "s a step of 8 in " in capsys.readouterr().out
    begin = time.perf_counter()
    assert run_tool(monkeypatch, "train.py", "configs/shapes.py", "--device", "cpu") == 0
    assert time.perf_counter() - begin < 4 * 80
    assert "done: " in capsys.readouterr().out and (tmp_path / "work_dirs/shapes/best.pt").exists()
