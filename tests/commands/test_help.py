"""Every tool answers --help at once, and says what it takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segbox.commands import COMMANDS, main
from tests.runs import run_tool

TOOLS = Path(__file__).parents[2] / "tools"
PYTHON_TOOLS = sorted(path.name for path in TOOLS.glob("*.py"))


@pytest.mark.parametrize("tool", PYTHON_TOOLS)
def test_help_says_how_to_call_it(tool, monkeypatch, capsys):
    assert run_tool(monkeypatch, tool, "--help") == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: {tool}") and "\nsegbox " in text


@pytest.mark.parametrize("tool", ["train.py", "test.py", "predict.py", "show_config.py"])
def test_missing_arguments_end_with_status_2(tool, monkeypatch, capsys):
    assert run_tool(monkeypatch, tool) == 2
    first = "checkpoint" if tool in ("test.py", "predict.py") else "config"
    assert f"the following arguments are required: {first}" in capsys.readouterr().err


def test_help_does_not_import_torch(tmp_path):
    """One process for all tools, from another folder: starting Python is most of the time."""
    code = (
        "import runpy, sys\n"
        f"for tool in {PYTHON_TOOLS!r}:\n"
        "    sys.argv = [tool, '--help']\n"
        "    try:\n"
        f"        runpy.run_path({str(TOOLS)!r} + '/' + tool, run_name='__main__')\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, tool\n"
        "    assert not {'torch', 'cv2', 'torchvision'} & set(sys.modules), tool\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, cwd=tmp_path)


@pytest.mark.parametrize("script", ["dist_train.sh", "dist_test.sh", "slurm_train.sh", "slurm_test.sh"])
def test_shell_scripts_say_how_to_call_them(script):
    done = subprocess.run([str(TOOLS / script)], capture_output=True, text=True)
    assert done.returncode == 2 and f"tools/{script} " in done.stderr and os.access(TOOLS / script, os.X_OK)


def test_the_number_of_processes_is_a_number():
    done = subprocess.run([str(TOOLS / "dist_train.sh"), "a.py", "two"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == "error: expected a number of processes, got 'two'\n"


def test_the_command_alone_and_its_version(capsys):
    main([])
    assert "commands:\n  init " in capsys.readouterr().out
    main(["--version"])
    first = capsys.readouterr().out
    assert first.startswith("segbox ") and "torch " in first and "GPU" in first
    main(["version"])
    assert capsys.readouterr().out == first
    with pytest.raises(SystemExit) as end:
        main(["trian"])
    assert end.value.code == 2 and 'Did you mean "train"?' in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell, capsys):
    main(["completion", shell])
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS) and "cfg-options" in script and "labelme" in script
