"""The class names in the YAML file of an Ultralytics data set.

PyYAML's nodes are read without making objects of them: no tag runs code, aliases for a billion nodes cost nothing, and
a class called `no` or `1e3` keeps its name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segbox.data.datasets.pairs import read_text
from segbox.errors import DataError, UserError, printable

LARGEST = 2**18  # bytes of such a file; one of a thousand classes has 30 000
NOTHING = "tag:yaml.org,2002:null"
OTHERWISE = "give --classes"


def read_names(path: Path) -> tuple[str, ...]:
    """`names`: a list, or a table from 0 on."""
    names = [value for key, value in _entries(path, _root(path)) if key == "names"]
    if not names:
        raise DataError(f"{path}: has no `names`; {OTHERWISE}")
    if len(names) > 1:
        raise DataError(f"{path}: has `names` twice; keep one of them, or {OTHERWISE}")
    kind = getattr(names[0], "id", "")
    if kind == "sequence":
        found = [_text(path, f"class {number}", node) for number, node in enumerate(names[0].value)]
    elif kind == "mapping":
        found = _in_order(path, [(_text(path, "a number", key), value) for key, value in names[0].value])
    else:
        raise DataError(f"{path}: `names` is neither a list nor a table of numbers and names; {OTHERWISE}")
    if not found:
        raise DataError(f"{path}: `names` is empty; {OTHERWISE}")
    twice = next((name for number, name in enumerate(found) if name in found[:number]), None)
    if twice is not None:
        raise DataError(f"{path}: `names` holds {twice!r} twice; the names of classes differ")
    return tuple(found)


def _root(path: Path) -> Any:
    yaml = _library()
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path}: has {path.stat().st_size} bytes; a list of class names has up to {LARGEST}")
    try:
        return yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise DataError(
            f"{path}{where}: is not readable as YAML ({printable(what)}); repair it, or {OTHERWISE}"
        ) from None
    except RecursionError:
        raise DataError(f"{path}: its lists are nested too deeply; repair it, or {OTHERWISE}") from None


def _library() -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise UserError(
            'reading class names from a YAML file needs PyYAML: pip install "segbox[pyyaml]"; or give --classes'
        ) from None
    return yaml


def _entries(path: Path, root: Any) -> Sequence[tuple[str, Any]]:
    if getattr(root, "id", "") != "mapping":
        raise DataError(f"{path}: is not a table with `names`; {OTHERWISE}")
    return [(key.value, value) for key, value in root.value if key.id == "scalar"]


def _in_order(path: Path, table: list[tuple[str, str]]) -> list[str]:
    """By their numbers, which are those from 0 on, each once."""
    numbers = [number for number, _ in table]
    if sorted(numbers) != sorted(map(str, range(len(table)))):
        raise DataError(f"{path}: `names` does not number its classes from 0 on, each once; {OTHERWISE}")
    by_number = {int(number): node for number, node in table}
    return [_text(path, f"class {number}", by_number[number]) for number in range(len(table))]


def _text(path: Path, what: str, node: Any) -> str:
    if node.id != "scalar" or node.tag == NOTHING or not node.value.strip():
        kind = {"sequence": "a list", "mapping": "a table"}.get(node.id, "empty")
        raise DataError(
            f"{path}, line {node.start_mark.line + 1}: {what} of `names` is {kind}, not a name; {OTHERWISE}"
        )
    return node.value.strip()
