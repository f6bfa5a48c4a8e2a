"""How a tool ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segbox.ending import LONGEST_LINE, ends_with_a_message
from segbox.errors import DataError

ROOT = Path(__file__).parents[1]

OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})  # as torch.OutOfMemoryError, without torch


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DataError("a.png: is empty"), 2, "error: a.png: is empty\n"),
        (
            PermissionError(13, "Permission denied", "/data/runs"),
            2,
            "error: [Errno 13] Permission denied: '/data/runs'\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (DataError("a\nb \x1b[2J\r\udcff\u202e.png"), 2, "error: a\nb \\x1b[2J\\r\\udcff\\u202e.png\n"),
        (MemoryError("Unable to allocate 3 TiB"), 2, "error: there is not enough memory: Unable to allocate 3 TiB\n"),
        (MemoryError("Caught in a worker\n  line 3\nX: no"), 2, "error: there is not enough memory: X: no\n"),
        (MemoryError(), 2, "error: there is not enough memory: Python got no more\n"),
        (OutOfMemoryError("CUDA out of memory.\nx"), 2, "error: there is not enough memory: CUDA out of memory.\n"),
    ],
)
def test_mistakes_end_in_one_line_and_a_status(error, status, message, capsys):
    with pytest.raises(SystemExit) as end, ends_with_a_message():
        raise error
    assert end.value.code == status
    assert capsys.readouterr().err == message


def test_a_line_that_nobody_can_read_is_cut(capsys):
    with pytest.raises(SystemExit), ends_with_a_message():
        raise DataError("a" * LONGEST_LINE + "\n" + "b" * 10**6 + "c")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: " + "a" * LONGEST_LINE
    assert f"b ... ({10**6 + 1 - LONGEST_LINE} characters) ... b" in lines[1] and lines[1].endswith("bc")
    assert len(lines[1]) < LONGEST_LINE + 50


def test_an_output_that_lacks_letters_ends_no_tool():
    script = "from segbox.ending import *\nwith ends_with_a_message(): print('\u65e5\\udcff')"
    own = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **own})
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u65e5\\udcff\n", "")


def test_bugs_keep_their_stack_trace():
    with pytest.raises(ValueError, match="a bug"), ends_with_a_message():
        raise ValueError("a bug")


def test_other_processes_wait_and_say_who_they_are(monkeypatch, capsys):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setenv("RANK", "3")
    with pytest.raises(SystemExit), ends_with_a_message():
        raise DataError("x")
    assert waited and capsys.readouterr().err == "error in process 3: x\n"


# --- interrupts, missing packages, and outputs that take nothing ---------------------------------------------------

TOOLS = sorted((ROOT / "tools").glob("*.py"))
ENV = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONUNBUFFERED")}


def in_frame(code):
    """A program that does something in the frame of a tool."""
    return (
        f"import sys\nsys.path.append({str(ROOT)!r})\nfrom segbox.ending import *\nwith ends_with_a_message():\n {code}"
    )


def framed(code, options=(), **streams):
    command = [sys.executable, *options, "-c", in_frame(code)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, env=ENV, **streams)


def shell(line):
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=ENV)


def interrupted_import():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error


def interrupted_clean_up():
    try:
        raise KeyboardInterrupt
    finally:
        raise OSError("cannot be closed")


@pytest.mark.parametrize("work", [interrupted_import, interrupted_clean_up])
def test_an_interrupt_that_became_another_error_is_an_interrupt(work, capsys):
    with pytest.raises(SystemExit) as end, ends_with_a_message():
        work()
    assert end.value.code == 130 and capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.name)
def test_tools_begin_with_what_ctrl_c_does_and_where_segbox_is(tool):
    """Before anything else is imported: the rest takes most of the first second."""
    lines = tool.read_text().split('"""')[2].strip().splitlines()
    assert lines[:2] == ["import signal", "import sys"] and "signal.SIG_IGN" in lines[3]
    assert lines[4].startswith("    signal.signal(signal.SIGINT, signal.SIG_DFL)")


def test_ctrl_c_is_told_from_the_frame_on():
    done = framed("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    again = "signal.signal(2, signal.SIG_DFL)\nwith ends_with_a_message(): os.kill(os.getpid(), 2)"
    assert framed(f"pass\n{again}").returncode == 130  # and where it ended the tool before


def test_a_tool_in_the_background_keeps_ignoring_ctrl_c():
    code = (
        "import runpy, signal, sys\nsys.argv = ['x', '--help']\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"try: runpy.run_path('{ROOT}/tools/show_config.py', run_name='__main__')\n"
        "except SystemExit: print(signal.getsignal(signal.SIGINT).name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENV)
    assert done.stdout.endswith("SIG_IGN\n")


@pytest.mark.parametrize("tool", ["show_config.py x", "get_params.py x", "convert_dataset.py coco a b"])
def test_a_python_without_the_packages_is_told_how_to_install_them(tool, tmp_path):
    """-S: without site-packages, and without segbox, which is found beside the tool."""
    line = [sys.executable, "-S", *f"{ROOT}/tools/{tool}".split()]
    done = subprocess.run(line, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, cwd=tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "has no package '" in done.stderr and f"-m pip install -e {ROOT}\n" in done.stderr


def test_a_module_that_a_user_lacks_is_no_matter_of_installing_segbox():
    with pytest.raises(ModuleNotFoundError), ends_with_a_message():
        raise ModuleNotFoundError("No module named 'own'", name="own")


@pytest.mark.parametrize("option", [[], ["-u"]])
@pytest.mark.parametrize("code", ["print('x')", "print('x' * 10**5)"])
def test_an_output_that_is_full_is_named(code, option):
    with open("/dev/full", "w") as full:
        done = framed(code, option, stdout=full)
        assert (done.returncode, done.stderr) == (2, "error: [Errno 28] No space left on device: 'standard output'\n")


def test_a_mistake_is_told_though_the_output_is_full():
    with open("/dev/full", "w") as full:
        done = framed("print('x'); raise UserError('a mistake')", stdout=full)
        assert (done.returncode, done.stderr) == (2, "error: a mistake\n")


@pytest.mark.parametrize("code", ["print('x')", "print('x' * 10**6)", "print('x'); raise SystemExit(1)"])
@pytest.mark.parametrize("option", [[], ["-u"]])
def test_a_reader_that_has_seen_enough_ends_the_tool_in_silence(code, option):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        done = framed(code, option, stdout=broken)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_broken_pipe_of_another_kind_is_told(capsys):
    with pytest.raises(SystemExit) as end, ends_with_a_message():
        raise BrokenPipeError(32, "Broken pipe")
    assert end.value.code == 2 and "Broken pipe" in capsys.readouterr().err


def test_streams_that_were_closed_lead_nowhere(tmp_path):
    """A file that is opened afterwards would have the number of stdout, and what is printed would go into it."""
    code = "file = open(sys.argv[1], 'w'); print('printed'); os.system('echo printed'); file.write('written')"
    script = tmp_path / "script.py"
    script.write_text(in_frame(code))
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        done = shell(f"{sys.executable} {script} {tmp_path}/file {closed}")
        assert done.returncode == 0 and "Error" not in done.stderr, closed
        assert (tmp_path / "file").read_text() == "written"
    assert shell(f"{sys.executable} {ROOT}/tools/show_config.py {tmp_path}/none.py >&- 2>&-").returncode == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("[enforce fail at alloc] DefaultCPUAllocator: can't allocate memory: 9 bytes\nframe #0"),
            "9 bytes",
        ),
        (
            RuntimeError("Caught in a worker\n  line 3\nerror: (-4:Insufficient memory) Failed to allocate 9 bytes"),
            "9 bytes",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), "9 GiB"),
    ],
)
def test_what_libraries_say_of_memory_is_told_in_a_line(error, said, capsys):
    with pytest.raises(SystemExit) as end, ends_with_a_message():
        raise error
    told = capsys.readouterr().err
    assert end.value.code == 2 and told.startswith("error: there is not enough memory: ") and told.endswith(f"{said}\n")
