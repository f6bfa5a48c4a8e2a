"""What README and docs show is executed: every command line, every Python block, every link."""

import argparse
import ast
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from segbox.commands import COMMANDS, command_parser, command_table
from segbox.config import load_config
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.runs import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TOOLS = {
    re.search(r'start\("(\w+)"\)', path.read_text())[1]: path.name for path in sorted((ROOT / "tools").glob("*.py"))
}
COMMAND = re.compile(r"^(?:\w+=\S+ )*(?:segbox|tools/(\w+)\.py) ")


def code_lines(text: str) -> list[str]:
    """Lines of fenced blocks without a language of their own, and of indented blocks; joined where they go on."""
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
    """What a line of a page asks for; a comment ends it."""
    words = [word for word in shlex.split(line, comments=True) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    name = words[1] if words[0] == "segbox" else {file: name for name, file in TOOLS.items()}[Path(words[0]).name]
    if name == "--version":
        return "version", argparse.Namespace()
    return name, command_parser(name).parse_args(words[2:] if words[0] == "segbox" else words[1:])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_line_is_understood(path, capsys):
    for line in commands(path):
        try:
            parsed(line)
        except SystemExit as end:
            assert end.code == 0, f"{path.name}: {line}\n{capsys.readouterr().err}"  # --help ends with 0


def test_there_are_commands_to_look_at():
    assert sum(len(commands(path)) for path in PAGES) > 20
    assert parsed("segbox train a.py --cfg-options b.c=1  # what it does")[1].cfg_options == ["b.c=1"]
    with pytest.raises(SystemExit):
        parsed("segbox train a.py --no-such-option")


def test_the_first_block_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """From a folder of images to predictions, as it stands there; only the model is tiny, and the run short."""
    import importlib

    monkeypatch.chdir(tmp_path)
    for i in range(6):
        write_image(tmp_path / "my_data" / "images" / f"{i}.png", smooth_image(40, 70, seed=i))
        write_image(tmp_path / "my_data" / "masks" / f"{i}.png", blocky_label(40, 70, num_classes=2))
        write_image(tmp_path / "new_images" / f"{i}.png", smooth_image(50, 60, seed=i))
    small = ["model.backbone.variant=test", "data.workers=0", "data.batch_size=2", "train.max_epochs=None"]
    small += ["train.max_steps=2"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## Train on your own images")[1].split("```sh\n")[1].split("```")[0]
    ran = []
    for line in filter(COMMAND.match, block.splitlines()):
        name, args = parsed(line)
        if hasattr(args, "cfg_options"):
            args.cfg_options += small
        importlib.import_module(f"segbox.commands.{name}").run(args)
        ran.append(name)
    assert ran == ["init", "browse", "train", "test", "predict"]
    assert "done: 2 steps" in capsys.readouterr().out
    assert (tmp_path / "sheet.png").exists() and len(list((tmp_path / "predictions").glob("*_overlay.png"))) == 6
    write_image(tmp_path / "photo.jpg", smooth_image(50, 60, seed=7))
    python = text.split("## From Python")[1].split("```python\n")[1].split("```")[0]
    config = load_config("configs/my_data.py", ["model.backbone.variant=test"])
    (tmp_path / "configs" / "my_data.py").write_text("")
    config.dump("configs/my_data.py")
    names: dict = {}
    exec(python, names)
    assert names["class_map"].shape == (50, 60) and names["class_map"].dtype == np.uint8


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_python_blocks_are_python(path):
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S):
        ast.parse(block)


def test_the_config_of_the_readme_builds(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## A config")[1].split("```python\n")[1].split("```")[0]
    path = tmp_path / "own.py"
    path.write_text(block.replace("../_base_", "segbox::_base_"))
    config = load_config(path)
    assert config.hooks.lr_schedule == {"type": "CosineLR"} and config.hooks.evaluate is None
    assert config.data.train.pipeline[1]["size"] == (473, 473)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_table_of_commands_is_up_to_date():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert command_table() in text and set(TOOLS) <= set(COMMANDS)
