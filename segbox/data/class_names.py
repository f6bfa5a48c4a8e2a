"""Check class names, which may come from lists, annotations and checkpoints of unknown origin."""

from collections.abc import Iterable
from typing import Any

from segbox import IGNORE_INDEX
from segbox.errors import DataError, is_printable, short

LONGEST = 100  # characters


def check_count(num_classes: int, source: object) -> None:
    """DataError for more classes than a byte can name beside the ignored id: ids would begin at 0 again."""
    if num_classes > IGNORE_INDEX:
        raise DataError(
            f"{source}: {num_classes} classes; class maps and labels are bytes, which name at most {IGNORE_INDEX}"
            " classes, so merge some of them"
        )


def checked_classes(names: Any, source: object = "classes") -> tuple[str, ...]:
    """At most 255 different names of one printable line each. `source` tells in errors where they come from."""
    if (
        isinstance(names, str)
        or hasattr(names, "dtype")
        or not isinstance(names, Iterable)
        or not (names := tuple(names))
    ):
        raise DataError(f"{source}: expected a list of 1 to {IGNORE_INDEX} different names, got {short(names)}")
    for number, name in enumerate(names):
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST or not all(map(is_printable, name)):
            shown = short(name, LONGEST)
            raise DataError(
                f"{source}: class {number} is {shown}; a name is one line of up to {LONGEST} characters that can be"
                " shown"
            )
    check_count(len(names), source)
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise DataError(f"{source}: expected 1 to {IGNORE_INDEX} different names, got {twice!r} twice")
    return names
