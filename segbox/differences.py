"""The differences between two configs."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import short

MISSING = object()


def changes(old: Any, new: Any, path: str = "") -> list[str]:
    """A line per value that differs: `optimizer.lr 0.01 -> 0.02`."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return [] if old == new or (old is None and not path) else [f"{path} {shown(old)} -> {shown(new)}"]
    keys = [*old, *(key for key in new if key not in old)]
    found = [changes(old.get(key, MISSING), new.get(key, MISSING), f"{path}.{key}".lstrip(".")) for key in keys]
    return [change for each in found for change in each]


def shown(value: Any) -> str:
    return "(not set)" if value is MISSING else short(value)
