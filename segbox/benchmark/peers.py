"""Other libraries, each in an environment of its own: a process there that does the same work on the same inputs."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from segbox.benchmark.measure import Side
from segbox.errors import ConfigError, UserError, did_you_mean

LIBRARIES = ("mmseg", "smp", "torchvision", "ultralytics")
WORKER = Path(__file__).parent / "peer" / "worker.py"
PYTHONS = ("bin/python", "Scripts/python.exe")


def python_of(word: str) -> tuple[str, Path]:
    """The library and the Python of NAME=PATH; the path is an environment or its Python."""
    name, is_pair, text = word.partition("=")
    if name not in LIBRARIES:
        raise ConfigError(f"--peer {word}:{did_you_mean(name, LIBRARIES)} the peers are {', '.join(LIBRARIES)}")
    if not is_pair or not text:
        raise ConfigError(f"--peer {word}: expected {name}=PATH, the environment in which {name} is installed")
    path = Path(text).expanduser()
    candidates = [path / python for python in PYTHONS] if path.is_dir() else [path]
    found = [candidate for candidate in candidates if candidate.is_file() and os.access(candidate, os.X_OK)]
    if not found:
        raise ConfigError(
            f"--peer {word}: there is no Python in {path}; expected an environment (a folder with {PYTHONS[0]})"
            " or the path of its Python"
        )
    return name, found[0].absolute()


class Peer:
    """The running process of a library. It does one work at a time."""

    def __init__(self, name: str, python: Path, threads: int) -> None:
        self.name = name
        self.python = python
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        counts = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "MKL", "OPENBLAS")}
        own = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        self.process = subprocess.Popen(
            [str(python), str(WORKER), name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**own, **counts, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self.versions: Mapping[str, str] = {}

    def greet(self) -> None:
        """Wait until the library is imported. UserError if it cannot be."""
        self.versions = self.reply()["versions"]

    def reply(self) -> dict[str, Any]:
        """The answer to the last request. UserError if the library failed or the process ended."""
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            raise UserError(f"{self.name}: its process ended with status {status}: {self.last_words()}")
        reply = json.loads(line)
        if "error" in reply:
            raise UserError(f"{self.name}: {reply['error']}")
        return reply

    def ask(self, **request: Any) -> dict[str, Any]:
        with suppress(BrokenPipeError):  # `reply` says why
            self.process.stdin.write(f"{json.dumps(request)}\n")
            self.process.stdin.flush()
        return self.reply()

    def make(self, work: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Prepare a work. Returns what the other side must know of it. UserError if the library has no such work."""
        told = self.ask(make=work, arguments=arguments)
        if "missing" in told:
            raise UserError(f"{self.name} {told['missing']}")
        return told

    def side(self) -> Side:
        """The prepared work, as a side."""
        return Side(
            self.name,
            lambda: self.ask(do="digest")["value"],
            lambda: tuple(self.ask(do="time")["value"]),
            lambda: self.ask(do="peak")["value"],
        )

    def last_words(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@contextmanager
def running(words: Sequence[str], threads: int) -> Iterator[list[Peer]]:
    """The processes of these NAME=PATH."""
    pythons = [python_of(word) for word in words]
    names = [name for name, _ in pythons]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"--peer {twice}=... is given twice")
    peers: list[Peer] = []
    try:
        for name, python in pythons:
            peers.append(Peer(name, python, threads))
            peers[-1].greet()
        yield peers
    finally:
        for peer in peers:
            peer.close()


def sides_of(peers: Sequence[Peer], work: str, arguments: Mapping[str, Any]) -> tuple[list[Side], list[str]]:
    """The sides of the peers that have this work, and why others have not."""
    sides, notes = [], []
    for peer in peers:
        try:
            peer.make(work, arguments)
            sides.append(peer.side())
        except UserError as error:
            notes.append(str(error))
    return sides, notes
