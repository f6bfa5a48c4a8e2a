"""What README, CONTRIBUTING and docs show is executed: command lines, Python blocks, links, names of files.

Commands that need no data run as they stand. Walk-throughs of a page run on small generated data, with a tiny model.
The rest (they need Cityscapes, several GPUs, hours) are parsed, and their configs loaded.
"""

import argparse
import ast
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from segbox.commands import COMMANDS, command_parser, command_table, module_of
from segbox.config import load_config
from segbox.registry import BACKBONES, HEADS
from segbox.starter.setup import Measured
from segbox.starter.trial import Stopwatch
from tests.faulty_data import blocky_label, deep_image, smooth_image, write_image
from tests.runs import ROOT
from tests.tiff_files import write_tiff
from tests.tiny import others_are_slow

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
TOOLS = {
    re.search(r'start\("(\w+)"\)', path.read_text())[1]: path.name for path in sorted((ROOT / "tools").glob("*.py"))
}
COMMAND = re.compile(r"^(?:\w+=\S+ )*(?:segbox|tools/(\w+)\.py) ")
WITHOUT_DATA = ("config", "params", "list", "version")
PLACEHOLDERS = {"CONFIG": "configs/demo/pspnet_r10_shapes.py"}
NOT_SHIPPED = ("configs/my_data.py", "configs/my_cells.py", "mine.py", "my_config.py")
SHORT_RUN = ["model.backbone.variant=test", "data.workers=0", "train.max_steps=2", "train.max_epochs=None"]
OWN_RUN = [*SHORT_RUN, "data.batch_size=2", "model.backbone_weights=None"]  # of a config that init has written
CONFIG_BLOCKS = ("README.md", "configuration.md", "deep_images.md", "timm.md")


def code_lines(text: str) -> list[str]:
    """Lines of shell blocks and of indented blocks; a line that ends with a backslash is joined with the next."""
    lines, fence = [], None
    for line in text.splitlines():
        if line.startswith("```"):
            fence = None if fence is not None else line[3:]
        elif fence in ("", "sh") or (fence is None and line.startswith("    ")):
            lines.append(line.strip())
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def commands(path: Path) -> list[str]:
    return [line for line in code_lines(path.read_text(encoding="utf-8")) if COMMAND.match(line)]


def parsed(line: str) -> tuple[str, argparse.Namespace]:
    """The command of a line and its arguments, without comments and environment variables."""
    words = [word for word in shlex.split(line, comments=True) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    name = words[1] if words[0] == "segbox" else {file: name for name, file in TOOLS.items()}[Path(words[0]).name]
    if name == "--version":
        return "version", argparse.Namespace()
    args = command_parser(name).parse_args(words[2:] if words[0] == "segbox" else words[1:])
    if name == "launch":
        return args.command, command_parser(args.command).parse_args(args.arguments)
    return name, args


def run(name: str, args: argparse.Namespace) -> int | None:
    try:
        module_of(name).run(args)
    except SystemExit as end:
        return end.code
    return 0


def run_page(name: str, overrides: list[str], left_out: str = "CONFIG") -> list[str]:
    """Execute all commands of a page but some in the current folder, with these overrides; returns their names."""
    names = []
    for line in commands(ROOT / "docs" / name):
        if left_out in line:
            continue
        command, args = parsed(line)
        if hasattr(args, "cfg_options"):
            args.cfg_options += overrides
        assert run(command, args) == 0, line
        names.append(command)
    return names


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


def section(path: Path, title: str) -> str:
    return path.read_text(encoding="utf-8").split(f"## {title}")[1]


# --- all pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_command_line_is_understood(path, capsys):
    for line in commands(path):
        try:
            _, args = parsed(line)
        except SystemExit as end:
            assert end.code == 0, f"{path.name}: {line}\n{capsys.readouterr().err}"  # --help ends with 0
            continue
        config = getattr(args, "config", None)
        if config and config not in (*PLACEHOLDERS, *NOT_SHIPPED):
            load_config(config)


def test_there_are_commands_to_look_at():
    assert sum(len(commands(path)) for path in PAGES) > 20
    assert parsed("segbox train a.py --cfg-options b.c=1  # what it does")[1].cfg_options == ["b.c=1"]
    assert parsed("A=b segbox launch 2 train a.py --resume") == parsed("segbox train a.py --resume")
    with pytest.raises(SystemExit):
        parsed("segbox train a.py --no-such-option")


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_commands_in_the_text_exist(path):
    """`segbox NAME --option` in a sentence need not be complete."""
    for words in re.findall(r"`segbox ([^`]+)`", path.read_text(encoding="utf-8")):
        name, *others = words.split()
        known = {"segbox", "N", "CONFIG", "COMMAND", "...", "--version", *COMMANDS}
        assert name in known, f"{path.name}: segbox {words}"
        if name in COMMANDS:
            options = command_parser(name)._option_string_actions
            assert {word for word in others if word.startswith("--")} <= set(options), f"{path.name}: segbox {words}"


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_commands_without_data_run(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for line in commands(path):
        name, args = parsed(line)
        if name in WITHOUT_DATA:
            if hasattr(args, "config"):
                args.config = PLACEHOLDERS.get(args.config, args.config)
                args.config = str(ROOT / args.config) if args.config.endswith(".py") else args.config
            run(name, args)
            assert capsys.readouterr().out.strip(), line


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_files_in_the_text_exist(path):
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:segbox|tests|configs|docs|tools|requirements)/[\w./-]*)`", text):
        is_example = name in NOT_SHIPPED or Path(name).stem == "foo"
        assert is_example or (ROOT / name).exists(), f"{path.name}: {name}"


# --- walk-throughs on generated data ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def steps_are_not_timed(monkeypatch):
    """`segbox init` chooses by a machine on which each step takes a second."""
    monkeypatch.setattr(Stopwatch, "__call__", lambda self, setup, worth: Measured(setup, 1.0, 2.0, 3.0))


def test_the_first_block_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """From a folder of images to predictions; only the model is tiny and the run short."""
    monkeypatch.chdir(tmp_path)
    write_my_data(tmp_path / "my_data")
    for i in range(6):
        write_image(tmp_path / "new_images" / f"{i}.png", smooth_image(50, 60, seed=i))
    block = section(ROOT / "README.md", "Train on your own images").split("```sh\n")[1].split("```")[0]
    names = []
    for line in filter(COMMAND.match, block.splitlines()):
        name, args = parsed(line)
        if hasattr(args, "cfg_options") and name not in (
            "predict",
            "serve",
        ):  # by the config in the checkpoint, which has these
            args.cfg_options += OWN_RUN
        assert name == "serve" or run(name, args) == 0, line  # a server does not end
        names.append(name)
    assert names == ["init", "browse", "train", "predict", "serve"]
    assert "done: 2 steps" in capsys.readouterr().out
    assert (tmp_path / "sheet.png").exists() and len(list((tmp_path / "predictions").glob("*_overlay.png"))) == 6
    write_image(tmp_path / "photo.jpg", smooth_image(50, 60, seed=7))
    python = section(ROOT / "README.md", "From Python").split("```python\n")[1].split("```")[0]
    names: dict = {}
    exec(python, names)
    assert names["result"].classes.shape == (50, 60) and names["result"].classes.dtype == np.uint8
    assert (tmp_path / "photo_overlay.png").exists()


def write_my_data(folder: Path) -> None:
    for i in range(6):
        write_image(folder / "images" / f"{i}.png", smooth_image(40, 70, seed=i))
        write_image(folder / "masks" / f"{i}.png", blocky_label(40, 70, num_classes=2))


def test_the_commands_for_own_images_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_my_data(tmp_path / "my_data")
    assert run_page("data.md", OWN_RUN) == ["init", "check", "browse", "train"]
    assert "No problems: ready to train." in capsys.readouterr().out
    assert (tmp_path / "report.html").exists() and (tmp_path / "sheet.png").exists()


def test_the_commands_of_the_labels_run(tmp_path, monkeypatch):
    """Train, look back at the labels, choose pictures; the models of --folds have seconds, not an hour."""
    monkeypatch.chdir(tmp_path)
    write_my_data(tmp_path / "my_data")
    for i in range(6):
        write_image(tmp_path / "unlabelled" / f"{i}.png", smooth_image(50, 60, seed=i))
    assert run(*parsed("segbox init my_data/")) == 0
    for line in commands(ROOT / "docs" / "labels.md"):
        name, args = parsed(line)
        if name != "suggest":
            args.cfg_options += OWN_RUN
        if getattr(args, "time", None):
            args.folds, args.time = 2, "2s"
        assert run(name, args) in ((0, 1) if name == "check" else (0,)), line
    assert (tmp_path / "places.html").exists() and (tmp_path / "next.html").exists()
    assert len((tmp_path / "next.txt").read_text().splitlines()) > 1


def test_the_commands_for_deep_images_run(tmp_path, monkeypatch):
    """The config that init writes for 12 bits and two channels is the one that the page shows."""
    monkeypatch.chdir(tmp_path)
    for i in range(6):
        (tmp_path / "my_cells" / "images").mkdir(parents=True, exist_ok=True)
        write_tiff(tmp_path / "my_cells" / "images" / f"{i}.tif", deep_image(40, 72, 2, seed=i))
        write_image(tmp_path / "my_cells" / "masks" / f"{i}.png", blocky_label(40, 72, num_classes=3))
    assert run_page("deep_images.md", OWN_RUN) == ["init", "browse", "train"]
    config = load_config("configs/my_cells.py")
    assert (config.data.train.channels, config.data.train.bits) == (2, 16)
    assert config.model.backbone.in_channels == len(config.model.mean) == len(config.model.std) == 2


def test_the_commands_of_the_results_run(tmp_path, monkeypatch):
    """On two generated images each, from weights of a tiny backbone."""
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val"):
        for i in range(2):
            label = blocky_label(64, 64, num_classes=2)
            write_image(tmp_path / f"data/isbi/images/{split}/{i}.png", smooth_image(64, 64, 1, seed=i))
            write_image(tmp_path / f"data/isbi/annotations/{split}/{i}.png", label)
            write_image(tmp_path / f"data/crackforest/images/{split}/{i}.jpg", smooth_image(64, 96, seed=i))
            write_image(tmp_path / f"data/crackforest/annotations/{split}/{i}.png", blocky_label(64, 96, 2))
            write_image(tmp_path / f"data/camvid/{split}/{i}.png", smooth_image(60, 80, seed=i))
            write_image(tmp_path / f"data/camvid/{split}annot/{i}.png", blocky_label(60, 80, 11))
    backbone = BACKBONES.build({"type": "MobileNetV2", "variant": "test", "has_last_conv": False})
    torch.save(backbone.state_dict(), tmp_path / "PATH")
    small = [*SHORT_RUN, "data.batch_size=2", "hooks.lr.warmup=0", "crop_size=(48,64)"]
    assert run_page("results.md", small, left_out="configs/demo/") == ["train"] * 3


# --- Python blocks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_python_blocks_are_python(path):
    for block in python_blocks(path):
        ast.parse(block)


def configs_of_blocks(name: str, folder: Path) -> list[Path]:
    """A block without `_base_` is a part of a config: it is put on top of a whole one."""
    page = ROOT / name if name == "README.md" else ROOT / "docs" / name
    blocks = [block for block in python_blocks(page) if re.search(r"^(_base_|data|model) = ", block, re.M)]
    for i, block in enumerate(blocks):
        head = "" if "_base_ =" in block else f'_base_ = "{ROOT}/configs/pspnet/pspnet_r50_ade20k.py"\n'
        (folder / f"{i}.py").write_text(head + block.replace("../_base_", "segbox::_base_"))
    return [folder / f"{i}.py" for i in range(len(blocks))]


@pytest.mark.parametrize("name", CONFIG_BLOCKS)
def test_config_blocks_load(name, tmp_path):
    assert [load_config(path).model for path in configs_of_blocks(name, tmp_path)]


@pytest.mark.parametrize("name", others_are_slow(CONFIG_BLOCKS, ("README.md", "configuration.md", "deep_images.md")))
def test_models_of_config_blocks_build(name, tmp_path, capsys):
    for path in configs_of_blocks(name, tmp_path):
        run("params", command_parser("params").parse_args([str(path), "--size", "64", "64"]))
        assert "total" in capsys.readouterr().out, path.read_text()


def test_the_config_of_the_readme_means_what_its_comments_say(tmp_path):
    block = section(ROOT / "README.md", "A config").split("```python\n")[1].split("```")[0]
    path = tmp_path / "own.py"
    path.write_text(block.replace("../_base_", "segbox::_base_"))
    config = load_config(path)
    assert config.hooks.lr_schedule == {"type": "CosineLR"} and config.hooks.evaluate is None
    assert config.data.train.pipeline[1]["size"] == (473, 473)


def test_the_head_of_the_readme_builds(tmp_path, monkeypatch, capsys):
    """As a module outside of the package, which a config names in `imports`."""
    block = section(ROOT / "README.md", "Add a part").split("```python\n")[1].split("```")[0]
    (tmp_path / "heads_of_the_readme.py").write_text(block)
    model = '_base_ = "segbox::_base_/models/pspnet_r50.py"\nimports = ["heads_of_the_readme"]\n'
    (tmp_path / "own.py").write_text(f'{model}model = dict(decode_head=dict(_delete_=True, type="MyHead"))\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(HEADS, "_builders", {name: HEADS[name] for name in HEADS})  # MyHead is gone after the test
    arguments = [str(tmp_path / "own.py"), "--num-classes", "3", "--size", "64", "64"]
    run("params", command_parser("params").parse_args(arguments))
    assert "decode_head" in capsys.readouterr().out


def test_the_table_of_commands_is_up_to_date():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert command_table() in text and set(TOOLS) <= {*COMMANDS, "list_models"}
