"""A peer is a process of another Python; what goes wrong there is one line here."""

import shutil
import sys

import pytest

from segbox.benchmark import peers
from segbox.benchmark.measure import Case, local, measure
from segbox.benchmark.peers import WORKER, python_of, running, sides_of
from segbox.errors import ConfigError, UserError

FAKE = """
import sys
import numpy as np
import shared
def versions():
    return {"fake": "1.2"}
def double(value):
    print("noise that must not reach the answers")
    return lambda: np.ones(2**20).sum(), lambda: [2.0 * value], {"weights": "a.pth"}
def fail():
    raise RuntimeError("no such thing\\nsecond line")
def end():
    sys.stderr.write("killed\\n")
    sys.stderr.flush()
    import os
    os._exit(3)
WORKS = {"double": double, "fail": fail, "end": end}
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The worker, with a library of a few lines."""
    for name in ("worker.py", "shared.py"):
        shutil.copy(WORKER.with_name(name), tmp_path / name)
    (tmp_path / "of_fake.py").write_text(FAKE)
    (tmp_path / "of_broken.py").write_text("def versions():\n    import a_library_that_is_not_there")
    monkeypatch.setattr(peers, "WORKER", tmp_path / "worker.py")
    monkeypatch.setattr(peers, "LIBRARIES", ("fake", "broken"))
    return f"fake={sys.executable}"


def test_a_peer_does_the_same_work_in_its_own_process(fake):
    with running([fake], threads=1) as found:
        assert found[0].versions == {"fake": "1.2"}
        assert found[0].make("double", {"value": 4.0}) == {"weights": "a.pth"}
        side = found[0].side()
        case = Case("c", [local("segbox", lambda: [8.0]), side])
        [measured] = measure([case], runs=2)
        assert measured.sides[1].difference == 0 and measured.sides[1].cpu[1] >= 0 and measured.sides[1].wall[1] > 0
        if sys.platform == "linux":
            assert 7 < measured.sides[1].peak_mb < 12
        process = found[0].process
    assert process.returncode == 0


def test_what_a_peer_cannot_do_is_a_line_and_it_goes_on(fake):
    with running([fake], threads=1) as found:
        sides, notes = sides_of(found, "loss", {"classes": 3})
        assert sides == [] and notes == ["fake has no 'loss' to compare with; it has double, fail, end"]
        assert sides_of(found, "fail", {})[1] == ["fake: RuntimeError: no such thing"]
        sides, notes = sides_of(found, "double", {"value": 1.0})
        assert len(sides) == 1 and notes == []
        assert sides_of(found, "end", {})[1] == ["fake: its process ended with status 3: killed"]
        assert "its process ended with status 3" in sides_of(found, "double", {"value": 1.0})[1][0]


def test_a_library_that_is_not_there(fake):
    message = "broken: ModuleNotFoundError: No module named 'a_library_that_is_not_there'"
    with pytest.raises(UserError, match=message), running([f"broken={sys.executable}"], threads=1):
        pass


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("mseg=/x", 'Did you mean "mmseg"'),
        ("mmseg", "expected mmseg=PATH"),
        ("mmseg=", "expected mmseg=PATH"),
        ("mmseg=/nowhere", "there is no Python in /nowhere"),
        ("smp={folder}", "there is no Python in {folder}; expected an environment"),
    ],
)
def test_wrong_paths_are_refused(word, message, tmp_path):
    with pytest.raises(ConfigError) as caught:
        python_of(word.format(folder=tmp_path))
    assert message.format(folder=tmp_path) in str(caught.value)


def test_an_environment_or_its_python(tmp_path):
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    assert python_of(f"smp={tmp_path}") == ("smp", python) == python_of(f"smp={python}")


def test_a_peer_is_given_once(fake):
    with pytest.raises(ConfigError, match="is given twice"), running([fake, fake], threads=1):
        pass


def test_the_scripts_of_peers_import_nothing_of_segbox():
    for path in WORKER.parent.glob("*.py"):
        assert "import segbox" not in (text := path.read_text(encoding="utf-8")) and "from segbox" not in text, path
