"""Writes and reads checkpoints. Writing is atomic: after a crash, the file is the complete new or the old one."""

import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbox.errors import CheckpointError, short
from segbox.literals import DEEPEST
from segbox.weights.loading import first_line, read_checkpoint

LAST = "last.pt"
BEST = "best.pt"
PARTS = ("step", "model", "optimizer", "hooks")  # in each checkpoint of a run, not in a file of weights
COUNTS = ("step", "draws", "skipped", "scored_step")
DICTS = ("model", "ema", "optimizer", "scaler", "hooks")
PLAIN = ("config", "classes", "palette", "segbox")


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write a temporary file, flush it to the disk (fsync), then rename it to `path`.

    Content that could not be read back is refused, and the first file of this name is read back before the rename.
    """
    is_first = not path.exists()
    partial = path.with_name(f".{path.name}.partial")
    try:
        refuse_unreadable(content)
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        if is_first:
            read_checkpoint(partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        raise write_error(path, error) from error
    finally:
        remove(partial)


def refuse_unreadable(content: Mapping[str, Any]) -> None:
    """Refuse content that cannot be read back; all but the tensors is tried in memory. Hooks may put anything in it."""
    if is_readable(without_tensors(content)):
        return
    path, value = first_unreadable(without_tensors(content), "")
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise CheckpointError(
        f"{path} is of type {kind}, which cannot be read back from a checkpoint; tensors, numbers, strings, lists,"
        " tuples and dicts can. A hook's `state_dict` gives float(value), value.tolist() or str(value) instead"
    )


def without_tensors(value: Any, depth: int = 0) -> Any:
    """A copy with None for each tensor."""
    if depth > DEEPEST:
        raise CheckpointError(f"the checkpoint's content is nested more than {DEEPEST} deep; does it contain itself?")
    if isinstance(value, Tensor):
        return None
    if type(value) in (dict, OrderedDict):
        return {key: without_tensors(item, depth + 1) for key, item in value.items()}
    return type(value)(without_tensors(item, depth + 1) for item in value) if type(value) in (list, tuple) else value


def is_readable(value: Any) -> bool:
    file = BytesIO()
    try:
        torch.save(value, file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception:  # pickle, the value's class and PyTorch's reader may raise anything
        return False
    return True


def first_unreadable(value: Any, path: str) -> tuple[str, Any]:
    """The path to the innermost value that cannot be read back, and the value."""
    for key in value if isinstance(value, Mapping) else ():
        if not is_readable(key):
            return f"{path}, the key {key!r},", key
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in items:
        if not is_readable(item):
            return first_unreadable(item, f"{path}.{key}".lstrip("."))
    return path, value


def link(path: Path, name: str) -> Path:
    """Give a checkpoint a second name in its folder: a hard link, or a copy where the disk has no links."""
    target, partial = path.with_name(name), path.with_name(f".{name}.partial")
    try:
        partial.unlink(missing_ok=True)
        try:
            os.link(path, partial)
        except OSError:  # mounted cloud drives, exFAT
            shutil.copyfile(path, partial)
        return partial.replace(target)
    except OSError as error:
        remove(partial)
        raise write_error(target, error) from error


def remove(path: Path) -> None:
    """Delete a file if possible. On a read-only disk, another error says what is wrong."""
    with suppress(OSError):
        path.unlink()


def write_error(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path} could not be written: {reason_of(error)}. The earlier checkpoints are intact;"
        " make room or choose another --work-dir, then go on with --resume"
    )


def reason_of(error: BaseException) -> str:
    """The message of the system's error, which PyTorch hides behind one of its own."""
    seen: BaseException | None = error
    while seen is not None and not (isinstance(seen, OSError) and seen.strerror):
        seen = seen.__cause__ or seen.__context__
    return first_line(error) if seen is None else seen.strerror


def read_run(path: Path) -> dict[str, Any]:
    """Read a checkpoint that a run can be resumed from, and check its parts."""
    content = read_checkpoint(path)
    missing = [part for part in PARTS if not isinstance(content, Mapping) or part not in content]
    if missing:
        raise CheckpointError(
            f"{path}: holds weights but no run to resume (no {', '.join(missing)});"
            " to start from its weights use --cfg-options model.weights=PATH"
        )
    wrong = [name for name in COUNTS if not is_count(content.get(name, 0))]
    wrong += [name for name in DICTS if not has_names(content.get(name, {}))]
    wrong += [name for name in PLAIN if not is_plain(content.get(name))]
    if wrong:
        value = short(content[wrong[0]], 40)
        raise CheckpointError(
            f"{path}: no run can be resumed from it: its {wrong[0]!r} is {value}. Take another checkpoint"
        )
    unnamed = [name for name, state in content["hooks"].items() if not has_names(state)]
    if unnamed:
        value = short(content["hooks"][unnamed[0]], 40)
        raise CheckpointError(
            f"{path}: no run can be resumed from it: its 'hooks' are {value}. Take another checkpoint"
        )
    return dict(content)


def has_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def is_plain(value: Any) -> bool:
    """Whether a value is plain, as in configs: no tensors, whose comparison is no bool."""
    if isinstance(value, Mapping):
        return all(map(is_plain, (*value.keys(), *value.values())))
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def checkpoint_name(step: int) -> str:
    return f"step_{step:08d}.pt"


def step_of(path: Path) -> int | None:
    """The step in a name of `checkpoint_name`; None for other names, such as a user's copy step_00000003_good.pt."""
    found = re.fullmatch(r"step_([0-9]{8,18})\.pt", path.name)
    return int(found[1]) if found and path.name == checkpoint_name(int(found[1])) else None


def numbered_checkpoints(work_dir: Path) -> list[Path]:
    """The numbered checkpoints of a work dir, oldest first."""
    return sorted((path for path in work_dir.glob("step_*.pt") if step_of(path) is not None), key=step_of)


def newest_readable(work_dir: Path) -> tuple[Path | None, dict[str, Any], list[str]]:
    """The newest readable checkpoint (or None), its content, and why newer ones were skipped."""
    last = work_dir / LAST
    refused = []
    for path in [*([last] if last.exists() else []), *reversed(numbered_checkpoints(work_dir))]:
        try:
            return path, read_run(path), refused
        except CheckpointError as error:
            refused.append(str(error))
    return None, {}, refused
