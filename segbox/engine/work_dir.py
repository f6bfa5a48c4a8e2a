"""The work dir of a run: its lock, what a new or a resumed run finds in it, and environment.json."""

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
from segbox.engine.checkpoint import BEST, LAST, newest_readable, numbered_checkpoints, read_run, remove
from segbox.errors import CheckpointError, ConfigError
from segbox.evaluation.records import BEST_EVALUATION, EVALUATION

logger = logging.getLogger("segbox")
LOCK = ".lock"
BEHIND_THE_TEXT = 2**20  # bytes
ENVIRONMENT = "environment.json"
CONFIG = "config.py"
REPLACED = (CONFIG, EVALUATION, BEST_EVALUATION)  # by each run
DISCARDED = ("before_nan.pt", "log.jsonl", ENVIRONMENT, EVALUATION, BEST_EVALUATION)


def resume_after_restart(work_dir: Path, asked: str | None) -> str | None:
    """The value of `--resume`; if a launcher has restarted this run, "" (the newest checkpoint).

    A run that is restarted before its first checkpoint starts as it did the first time: with --overwrite, the old run
    is still there.
    """
    is_same_run = launch_id() in [start.get("launch") for start in recorded_starts(work_dir)]
    return "" if distributed.restarts() and is_same_run and checkpoints(work_dir) else asked


@contextmanager
def only_run_in(work_dir: Path) -> Iterator[None]:
    """Lock the work dir against a second run. The lock is released when the process ends, also if it is killed."""
    if not distributed.is_main():
        yield
        return
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        file = (work_dir / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise not_writable(work_dir, error) from error
    with file:
        if not acquire_lock(file):
            file.seek(0)
            raise ConfigError(
                f"another run is using {work_dir} ({file.read().strip() or 'unknown process'}); wait for"
                " its end, stop it, or choose another --work-dir"
            )
        try:
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}, since {now()}\n".encode())
            for rest in work_dir.glob(".*.partial"):  # left by a run that was killed while writing
                rest.unlink()
        except OSError as error:
            raise not_writable(work_dir, error) from error
        try:
            yield
        finally:
            remove(Path(file.name))


def not_writable(work_dir: Path, error: OSError) -> ConfigError:
    return ConfigError(f"--work-dir {work_dir}: cannot be written to ({error.strerror}); choose another")


def acquire_lock(file: Any) -> bool:
    """Lock the file; False if another process holds the lock. True, with a warning, where the disk has no locks."""
    if sys.platform == "win32":
        return acquire_byte(file)
    import fcntl

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        logger.warning("%s cannot be locked (%s): make sure that no other run uses it", file.name, error.strerror)
        return True
    path = Path(file.name)
    return path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))


def acquire_byte(file: Any) -> bool:
    """Windows locks bytes, and lets nobody read a locked one: take one far behind the text."""
    import msvcrt

    os.lseek(file.fileno(), BEHIND_THE_TEXT, os.SEEK_SET)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def refuse_old_run(work_dir: Path) -> None:
    """Refuse to start a new run in a folder that already holds one."""
    old = checkpoints(work_dir)
    if old:
        raise ConfigError(
            f"{work_dir} already holds a run ({old[0].name} and {len(old) - 1} more). Go on with it (--resume), discard"
            " it (--overwrite), or choose another --work-dir"
        )


def refuse_foreign_files(work_dir: Path) -> None:
    """Refuse to replace a config.py or an evaluation that no run has written."""
    found = [work_dir / name for name in REPLACED if (work_dir / name).exists()]
    if found and not recorded_starts(work_dir) and not checkpoints(work_dir):
        raise ConfigError(
            f"{found[0]} exists and was not written by a run; this run would replace it with its own. Choose another"
            " --work-dir, or move the file"
        )


def discard_old_run(work_dir: Path) -> None:
    """Delete the files of an old run that the new run would mix with its own. log.txt stays and is continued."""
    if not distributed.is_main():
        return
    for path in [*checkpoints(work_dir), *(work_dir / name for name in DISCARDED)]:
        path.unlink(missing_ok=True)
    shutil.rmtree(work_dir / "tensorboard", ignore_errors=True)


def checkpoints(work_dir: Path) -> list[Path]:
    return [*numbered_checkpoints(work_dir), *(path for path in (work_dir / LAST, work_dir / BEST) if path.exists())]


def record_environment(work_dir: Path, device: torch.device, precision: str) -> None:
    """Add this start of the run to `environment.json`: code, packages, machine, command."""
    path = work_dir / ENVIRONMENT
    known = [
        *recorded_starts(work_dir),
        {
            "launch": launch_id(),
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
            "precision": precision,
            "processes": distributed.world_size(),
            "host": socket.gethostname(),
        },
    ]
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def launch_id() -> str | None:
    """The launcher's id of this run, which a restart keeps."""
    return os.environ.get("SLURM_JOB_ID") or os.environ.get("TORCHELASTIC_RUN_ID")


def recorded_starts(work_dir: Path) -> list[dict[str, Any]]:
    try:
        return json.loads((work_dir / ENVIRONMENT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # no file yet, or a truncated one
        return []


def ends_mid_line(path: Path) -> bool:
    """Whether the last line of a file is incomplete, because its writer was killed."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def commit() -> str | None:
    """The commit of a git checkout, with "+" if there are uncommitted changes; None elsewhere."""
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
    """The checkpoint to resume from: the given one, or the newest readable one; None if there is none yet."""
    if asked:
        path = Path(asked)
        return path, read_run(path)
    path, content, refused = newest_readable(work_dir)
    for reason in refused:
        logger.warning("skipped: %s", reason)
    if path is not None:
        return path, content
    if refused:
        raise CheckpointError(
            f"{work_dir}: none of its {len(refused)} checkpoints can be read; start again with --overwrite"
        )
    logger.info("%s holds no checkpoint yet; starting at step 0", work_dir)
    return None
