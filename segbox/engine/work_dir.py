"""The folder of a run: what may be begun in it, and what may be gone on with."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbox import distributed
from segbox.engine.checkpoint import BEST, LAST, newest_whole, numbered, read_run
from segbox.errors import CheckpointError, ConfigError

logger = logging.getLogger("segbox")


def refuse_old_run(work_dir: Path) -> None:
    """A new run does not begin on top of an old one."""
    old = checkpoints(work_dir)
    if old:
        raise ConfigError(
            f"{work_dir} already holds a run ({old[0].name} and {len(old) - 1} more). Go on with it (--resume), discard"
            " it (--overwrite), or choose another --work-dir"
        )


def discard_old_run(work_dir: Path) -> None:
    """What the new run would mix with its own. log.txt stays: it is the story of the folder."""
    if not distributed.is_main():
        return
    for path in [*checkpoints(work_dir), work_dir / "before_nan.pt", work_dir / "log.jsonl"]:
        path.unlink(missing_ok=True)
    shutil.rmtree(work_dir / "tensorboard", ignore_errors=True)


def checkpoints(work_dir: Path) -> list[Path]:
    return [*numbered(work_dir), *(path for path in (work_dir / LAST, work_dir / BEST) if path.exists())]


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
