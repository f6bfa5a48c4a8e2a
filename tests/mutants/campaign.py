"""Run each mutant's tests against a copy of the project with the mutant in it."""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.mutants.mutant import ROOT, Mutant

COPIED = ("segbox", "tests", "configs", "tools", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md")
CAUGHT, SURVIVED, HUNG, NOT_TRIED = "caught", "SURVIVED", "TIMED OUT", "NOT TRIED"
OPTIONS = (
    *("-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-p", "no:anyio"),
    *("-p", "no:unraisableexception"),  # it collects garbage five times at the end, of all that was loaded before
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # hypothesis was loaded before pytest could rewrite it
)
VERDICTS = {0: SURVIVED, 1: CAUGHT}  # by pytest's exit status; others are mistakes in the list of tests


@dataclass(frozen=True)
class Result:
    mutant: Mutant
    verdict: str
    seconds: float
    output: str


@dataclass
class Trial:
    """One mutant's tests in a process of their own, and in a folder of their own."""

    mutant: Mutant
    folder: tempfile.TemporaryDirectory = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="mutant-"))
    begin: float = field(default_factory=time.monotonic)
    child: int = 0

    def start(self) -> None:
        root = Path(self.folder.name)
        copy_project(root)
        self.mutant.write(root)
        self.child = os.fork()
        if self.child:
            return
        status = 3
        try:
            os.setsid()  # so that it can be ended together with the processes that its tests start
            with (root / "log.txt").open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            status = run_here(root, self.mutant.arguments())
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def result(self, limit: float) -> Result | None:
        """None while it runs."""
        ended, status = os.waitpid(self.child, os.WNOHANG)
        seconds = time.monotonic() - self.begin
        if not ended and seconds < limit:
            return None
        if not ended:
            os.killpg(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        verdict = VERDICTS.get(os.waitstatus_to_exitcode(status), NOT_TRIED) if ended else HUNG
        output = (Path(self.folder.name) / "log.txt").read_text(errors="replace")
        self.folder.cleanup()
        return Result(self.mutant, verdict, seconds, output)


def campaign(mutants: Sequence[Mutant], jobs: int, limit: float) -> Iterator[Result]:
    """Results as they come, `jobs` at a time. A mutant has `limit` seconds."""
    waiting, running = list(mutants), []
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(Trial(waiting.pop(0)))
            running[-1].start()
        time.sleep(0.05)
        for trial in list(running):
            result = trial.result(limit)
            if result is not None:
                running.remove(trial)
                yield result


def copy_project(root: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)


def run_here(root: Path, arguments: Sequence[str]) -> int:
    """pytest's exit status, with the copy's modules. PyTorch, which takes seconds to load, is there already."""
    os.chdir(root)
    for name in [name for name in sys.modules if name.split(".")[0] in ("segbox", "tests")]:
        del sys.modules[name]
    sys.path = [str(root), *(path for path in sys.path if path not in ("", str(ROOT)))]
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    import segbox

    assert Path(segbox.__file__).is_relative_to(root), f"{segbox.__file__} is not the copy in {root}"
    return int(pytest.main([*OPTIONS, *arguments]))
