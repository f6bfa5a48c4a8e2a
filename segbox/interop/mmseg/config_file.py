"""Files of mmsegmentation configs, with their bases, and the config that a checkpoint carries."""

import ast
import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.config_text import read_text, refuse_custom_imports, refuse_tangle
from segbox.interop.mmseg.expressions import Unreadable

LONGEST_CHAIN = 20  # of bases of bases
MOST_BYTES = 10**7
BASE = "_base_"


def read_config_file(path: str | Path, chain: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The values of a .py or .json file of either generation, with those of its bases."""
    path = Path(path).expanduser()
    text = text_of(path, chain)
    own_path = path.resolve()
    if own_path in chain or len(chain) > LONGEST_CHAIN:
        raise ConfigError(f"{path}: its bases form a circle, or a chain of more than {LONGEST_CHAIN}")
    if path.suffix == ".json":
        own = read_json(text, path)
        base = values_of_bases(own.get(BASE), path, (*chain, own_path))
    else:
        base = values_of_bases(bases_in(text), path, (*chain, own_path))
        own = read_text(with_file_names(text, path), str(path), base)
    own.pop(BASE, None)
    return merge(base, own, str(path))


def text_of(path: Path, chain: tuple[Path, ...]) -> str:
    by = f" (a base of {chain[-1]})" if chain else ""
    if path.suffix not in (".py", ".json"):
        raise ConfigError(f"{path}{by}: configs of mmsegmentation are read from .py and .json files")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}{by}: is too large for a config ({path.stat().st_size} bytes)")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no config file {path}{by}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}{by}: cannot be read: {error}") from None


def read_json(text: str, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: is no config of mmsegmentation: it holds no object")
    refuse_tangle(values, str(path))
    refuse_custom_imports(values, str(path))
    return values


def bases_in(text: str) -> Any:
    """What a config says of `_base_`, before the rest, which may use values of the bases, is read."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None  # `read_text` reports it
    for statement in body:
        if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == [BASE]:
            return ast.literal_eval(statement.value) if is_literal(statement.value) else ast.unparse(statement.value)
    return None


def is_literal(node: Any) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def values_of_bases(bases: Any, path: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    """The values of all bases together. Two bases may not define the same name."""
    found: dict[str, Any] = {}
    bases = [] if bases is None else [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list | tuple) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(f"{path}: {BASE} is the path of a config, or a list of paths, not {bases!r:.80}")
    for base in bases:
        if "::" in base:
            raise ConfigError(
                f"{path}: its base {base!r} is in another package. Print the config with mmsegmentation"
                " (tools/misc/print_config.py) and give that file"
            )
        values = read_config_file(path.parent / base, chain)
        twice = sorted(found.keys() & values.keys())
        if twice:
            raise ConfigError(f"{path}: two of its bases define {', '.join(twice)}")
        found |= values
    return found


def with_file_names(text: str, path: Path) -> str:
    """The text with {{ fileDirname }} and the like replaced."""
    names = {
        "fileDirname": path.resolve().parent.as_posix(),
        "fileBasename": path.name,
        "fileBasenameNoExtension": path.stem,
        "fileExtname": path.suffix,
    }
    for name, value in names.items():
        text = re.sub(rf"\{{\{{\s*{name}\s*\}}\}}", lambda match, value=value: value, text)
    return text


def merge(base: Mapping[str, Any], own: Mapping[str, Any], place: str) -> dict[str, Any]:
    """mmengine's merging: dicts are merged, all else is replaced; `_delete_=True` replaces a dict."""
    merged = dict(base)
    for name, value in own.items():
        if isinstance(value, Mapping):
            deletes = value.get("_delete_", False)
            inherited = merged.get(name)
            if not deletes and name in merged and not isinstance(inherited, Mapping) and inherited is not None:
                raise ConfigError(
                    f"{place}: {name} is a dict here and {type(inherited).__name__} in its base; _delete_=True"
                    " replaces it"
                )
            start = inherited if isinstance(inherited, Mapping) and not deletes else {}
            merged[name] = merge(start, {key: item for key, item in value.items() if key != "_delete_"}, place)
        else:
            merged[name] = copy.copy(value)
    return merged


def refuse_unreadable(value: Any, path: str) -> None:
    """Refuse a section that holds what cannot be read without running code."""
    if isinstance(value, Unreadable):
        raise ConfigError(f"{path}: cannot be read without running code: {value.text}")
    if isinstance(value, Mapping):
        for name, item in value.items():
            refuse_unreadable(item, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            refuse_unreadable(item, f"{path}.{i}")
