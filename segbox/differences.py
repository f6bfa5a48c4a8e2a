"""Where two nested values differ: for people who compare configs."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import short

MISSING = object()


def changes(old: Any, new: Any, way: str = "") -> list[str]:
    """What a config says otherwise than the one before: `optimizer.lr 0.01 -> 0.02`."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return [] if old == new or (old is None and not way) else [f"{way} {shown(old)} -> {shown(new)}"]
    keys = [*old, *(key for key in new if key not in old)]
    found = [changes(old.get(key, MISSING), new.get(key, MISSING), f"{way}.{key}".lstrip(".")) for key in keys]
    return [change for each in found for change in each]


def shown(value: Any) -> str:
    return "(not there)" if value is MISSING else short(value)
