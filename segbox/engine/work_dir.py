"""The folder of a run: what may be begun in it, what may be gone on with, and under which circumstances it was run."""

import json
import logging
import os
import platform
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy
import torch

from segbox import __version__, distributed
from segbox.engine.checkpoint import BEST, LAST, newest_whole, numbered, read_run, remove
from segbox.errors import CheckpointError, ConfigError

logger = logging.getLogger("segbox")
LOCK = ".lock"
ENVIRONMENT = "environment.json"
CONFIG = "config.py"


def resume_after_restart(work_dir: Path, asked: str | None) -> str | None:
    """What `--resume` asked for, or the newest checkpoint where a launcher has started this very run again.

    Before its first checkpoint it begins as it did the first time: an old run that it was to discard is still there.
    """
    is_begun = launch() in [start.get("launch") for start in starts(work_dir)]
    return "" if distributed.restarts() and is_begun and checkpoints(work_dir) else asked


@contextmanager
def only_run_in(work_dir: Path) -> Iterator[None]:
    """Two runs in one folder would write over each other. The lock of a process ends with it, however it ends."""
    if not distributed.is_main():
        yield
        return
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        file = (work_dir / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise not_writable(work_dir, error) from error
    with file:
        if not lock(file):
            file.seek(0)
            raise ConfigError(
                f"another run is at work in {work_dir} ({file.read().strip() or 'it does not say which'}); wait for"
                " its end, stop it, or choose another --work-dir"
            )
        try:
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}, since {now()}\n".encode())
            for rest in work_dir.glob(".*.partial"):  # of a run that was killed while it wrote
                rest.unlink()
        except OSError as error:
            raise not_writable(work_dir, error) from error
        try:
            yield
        finally:
            remove(Path(file.name))


def not_writable(work_dir: Path, error: OSError) -> ConfigError:
    return ConfigError(f"--work-dir {work_dir}: cannot be written to ({error.strerror}); choose another")


def lock(file: Any) -> bool:
    """Whether it is now this process's own. Where locks are unknown (Windows, some network drives), it always is."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        logger.warning("%s cannot be locked (%s): see to it that no other run uses it", file.name, error.strerror)
        return True
    path = Path(file.name)
    return path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))


def refuse_old_run(work_dir: Path) -> None:
    """A new run does not begin on top of an old one."""
    old = checkpoints(work_dir)
    if old:
        raise ConfigError(
            f"{work_dir} already holds a run ({old[0].name} and {len(old) - 1} more). Go on with it (--resume), discard"
            " it (--overwrite), or choose another --work-dir"
        )


def refuse_foreign_config(work_dir: Path) -> None:
    """A folder without a run in it whose config.py somebody wrote: the run's own would replace it."""
    path = work_dir / CONFIG
    if path.exists() and not starts(work_dir) and not checkpoints(work_dir):
        raise ConfigError(
            f"{path} is there and is not from a run, and the run would write its resolved config to it; choose another"
            " --work-dir, or move the file"
        )


def discard_old_run(work_dir: Path) -> None:
    """What the new run would mix with its own. log.txt stays: it is the story of the folder."""
    if not distributed.is_main():
        return
    for path in [*checkpoints(work_dir), work_dir / "before_nan.pt", work_dir / "log.jsonl", work_dir / ENVIRONMENT]:
        path.unlink(missing_ok=True)
    shutil.rmtree(work_dir / "tensorboard", ignore_errors=True)


def checkpoints(work_dir: Path) -> list[Path]:
    return [*numbered(work_dir), *(path for path in (work_dir / LAST, work_dir / BEST) if path.exists())]


def record_environment(work_dir: Path, device: torch.device) -> None:
    """Add to `environment.json` what this start of the run was made with: code, packages, machine, command."""
    path = work_dir / ENVIRONMENT
    known = [
        *starts(work_dir),
        {
            "launch": launch(),
            "started": now(),
            "command": shlex.join(sys.argv),
            "segbox": __version__,
            "commit": commit(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "opencv": cv2.__version__,
            "cuda": torch.version.cuda,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
            "processes": distributed.world_size(),
            "host": socket.gethostname(),
        },
    ]
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def launch() -> str | None:
    """The launcher's name for this run, the same after a restart."""
    return os.environ.get("SLURM_JOB_ID") or os.environ.get("TORCHELASTIC_RUN_ID")


def starts(work_dir: Path) -> list[dict[str, Any]]:
    try:
        return json.loads((work_dir / ENVIRONMENT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # none yet, or a file that was cut short
        return []


def is_cut(path: Path) -> bool:
    """Whether a file of lines ends within one: whoever wrote it was killed."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def commit() -> str | None:
    """The version of the code, if it is a git checkout; "+" says that there are changes on top."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        done = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return f"{done.stdout.strip()}{'+' if changed.stdout else ''}" if done.returncode == 0 else None


def now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def find_resume(work_dir: Path, asked: str) -> tuple[Path, Mapping[str, Any]] | None:
    """The checkpoint to go on from: the one asked for, or the newest whole one; None where there is none yet."""
    if asked:
        path = Path(asked)
        return path, read_run(path)
    path, content, refused = newest_whole(work_dir)
    for reason in refused:
        logger.warning("passed over: %s", reason)
    if path is not None:
        return path, content
    if refused:
        raise CheckpointError(
            f"{work_dir}: none of its {len(refused)} checkpoints can be read; begin anew with --overwrite"
        )
    logger.info("%s holds no checkpoint yet; beginning at step 0", work_dir)
    return None
