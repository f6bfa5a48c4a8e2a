"""The folder of a run: what may be begun in it, and what may be gone on with."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbox import distributed
from segbox.engine.checkpoint import BEST, LAST, newest_whole, numbered, read_run
from segbox.errors import CheckpointError, ConfigError

logger = logging.getLogger("segbox")


def prepare_work_dir(work_dir: Path, overwrite: bool) -> None:
    """A new run does not begin on top of an old one, unless it may discard it."""
    old = [*numbered(work_dir), *(path for path in (work_dir / LAST, work_dir / BEST) if path.exists())]
    if not old or not distributed.is_main():
        return
    if not overwrite:
        raise ConfigError(
            f"{work_dir} already holds a run ({old[0].name} and {len(old) - 1} more). Go on with it (--resume), discard"
            " it (--overwrite), or choose another --work-dir"
        )
    for path in [*old, work_dir / "log.jsonl", work_dir / "log.txt"]:
        path.unlink(missing_ok=True)


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
