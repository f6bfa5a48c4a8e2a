"""Checkpoints on disk: either the whole new one or the old one, never half of one."""

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
PARTS = ("step", "model", "optimizer", "hooks")  # what a checkpoint of a run has, and a bare weight file has not
COUNTS = ("step", "draws", "skipped", "scored_step")
DICTS = ("model", "ema", "optimizer", "scaler", "hooks")
PLAIN = ("config", "classes", "palette", "segbox")


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write beside the target, force it to the disk, then take the target's name in one move.

    What could not be read back is not written, and the first file of its name is read back before it counts.
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
        raise unwritten(path, error) from error
    finally:
        remove(partial)


def refuse_unreadable(content: Mapping[str, Any]) -> None:
    """Tensors are always read back; the rest is tried, in memory. A hook's state is what a user's own code makes."""
    if is_readable(outline(content)):
        return
    place, value = first_unreadable(outline(content), "")
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise CheckpointError(
        f"{place} is of type {kind}, which cannot be read back from a checkpoint; tensors, numbers, strings, lists,"
        " tuples and dicts can. A hook's `state_dict` gives float(value), value.tolist() or str(value) instead"
    )


def outline(value: Any, depth: int = 0) -> Any:
    """The same without tensors."""
    if depth > DEEPEST:
        raise CheckpointError(f"the checkpoint's content is nested more than {DEEPEST} deep; does it hold itself?")
    if isinstance(value, Tensor):
        return None
    if type(value) in (dict, OrderedDict):
        return {key: outline(item, depth + 1) for key, item in value.items()}
    return type(value)(outline(item, depth + 1) for item in value) if type(value) in (list, tuple) else value


def is_readable(value: Any) -> bool:
    file = BytesIO()
    try:
        torch.save(value, file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception:  # what pickle, the value's own class and PyTorch's reader may raise
        return False
    return True


def first_unreadable(value: Any, place: str) -> tuple[str, Any]:
    """The innermost value that cannot be read back, and the way to it."""
    for key in value if isinstance(value, Mapping) else ():
        if not is_readable(key):
            return f"{place}, the key {key!r},", key
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, item in items:
        if not is_readable(item):
            return first_unreadable(item, f"{place}.{key}".lstrip("."))
    return place, value


def link(path: Path, name: str) -> Path:
    """Give a checkpoint a second name in its folder, without a second copy of its bytes where the disk knows links."""
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
        raise unwritten(target, error) from error


def remove(path: Path) -> None:
    """A file that is not needed any more. Where that fails (a disk that can only be read), another error says why."""
    with suppress(OSError):
        path.unlink()


def unwritten(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path} could not be written: {reason_of(error)}. The checkpoints from before are whole;"
        " make room or choose another --work-dir, then go on with --resume"
    )


def reason_of(error: BaseException) -> str:
    """What the system said: PyTorch meets its error while it writes, and then raises another, of positions."""
    seen: BaseException | None = error
    while seen is not None and not (isinstance(seen, OSError) and seen.strerror):
        seen = seen.__cause__ or seen.__context__
    return first_line(error) if seen is None else seen.strerror


def read_run(path: Path) -> dict[str, Any]:
    """A checkpoint that a run can go on from."""
    content = read_checkpoint(path)
    missing = [part for part in PARTS if not isinstance(content, Mapping) or part not in content]
    if missing:
        raise CheckpointError(
            f"{path}: holds weights but no run to go on with (no {', '.join(missing)});"
            " to begin from its weights use --cfg-options model.weights=PATH"
        )
    wrong = [name for name in COUNTS if not is_count(content.get(name, 0))]
    wrong += [name for name in DICTS if not has_names(content.get(name, {}))]
    wrong += [name for name in PLAIN if not is_plain(content.get(name))]
    if wrong:
        value = short(content[wrong[0]], 40)
        raise CheckpointError(f"{path}: no run can go on from it: its {wrong[0]!r} is {value}. Take another checkpoint")
    unnamed = [name for name, state in content["hooks"].items() if not has_names(state)]
    if unnamed:
        value = short(content["hooks"][unnamed[0]], 40)
        raise CheckpointError(f"{path}: no run can go on from it: its 'hooks' say {value}. Take another checkpoint")
    return dict(content)


def has_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def is_plain(value: Any) -> bool:
    """Of what configs hold: no tensors, which cannot be compared as numbers can."""
    if isinstance(value, Mapping):
        return all(map(is_plain, (*value.keys(), *value.values())))
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def name_of(step: int) -> str:
    return f"step_{step:08d}.pt"


def step_of(path: Path) -> int | None:
    """The step in a name that `name_of` gives; None for any other name, as a user's copy step_00000003_good.pt has."""
    found = re.fullmatch(r"step_([0-9]{8,18})\.pt", path.name)
    return int(found[1]) if found and path.name == name_of(int(found[1])) else None


def numbered(work_dir: Path) -> list[Path]:
    """The checkpoints that a run has numbered in a work dir, by step, oldest first."""
    return sorted((path for path in work_dir.glob("step_*.pt") if step_of(path) is not None), key=step_of)


def newest_whole(work_dir: Path) -> tuple[Path | None, dict[str, Any], list[str]]:
    """The newest checkpoint that can be read (None: there is none), its content, and why others were passed over."""
    last = work_dir / LAST
    refused = []
    for path in [*([last] if last.exists() else []), *reversed(numbered(work_dir))]:
        try:
            return path, read_run(path), refused
        except CheckpointError as error:
            refused.append(str(error))
    return None, {}, refused
