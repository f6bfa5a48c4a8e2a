"""Configs: Python files of plain values, with inheritance, references and overrides.

    _base_ = ["../_base_/models/pspnet_r50.py", "../_base_/datasets/ade20k.py"]   # merged in this order
    crop_size = (473, 473)                        # a variable, used as "${crop_size}"
    model = dict(decode_head=dict(dropout=0.2))   # dicts merge, everything else is replaced

A child dict of another `type` replaces the base's dict, so arguments of one class never leak into another;
`_delete_=True` does the same for dicts without a type. References are resolved after merging and overriding.
"""

import builtins
import copy
import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from addict import Dict

from segbox.config_merge import DICTS, SECTIONS, Origins, forget, key_paths, merge, override_value
from segbox.errors import ConfigError, did_you_mean
from segbox.literals import as_plain, as_source
from segbox.renamed import tell_new_name, with_lr_schedule

REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*)\}")
SHIPPED = "segbox::"  # the prefix in `_base_` for a config that comes with segbox
LONGEST_CHAIN = 50  # of bases of bases
MOST_FILES = 1000  # of one config with all its bases


class Config(Dict):
    """Nested dicts with attribute access. Unlike in addict, a missing name is an error."""

    def __missing__(self, name: Any) -> Any:
        raise KeyError(name)

    def dump(self, path: str | Path) -> None:
        """Write a config file without bases that loads back to this config."""
        Path(path).write_text(format_config(self), encoding="utf-8")


def shipped_configs() -> Path:
    """The folder of the configs that come with segbox: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def find_config(name: str | Path) -> Path:
    """The file of this path, or else the shipped config of this name, such as `pspnet/pspnet_r50_ade20k`."""
    path = Path(name)
    if path.is_file() or path.is_absolute():
        return path
    text = path.as_posix().removeprefix(SHIPPED).removeprefix("configs/")
    shipped = shipped_configs() / (text if text.endswith(".py") else f"{text}.py")
    return shipped if shipped.is_file() else path


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """The config of a file: bases merged, overrides (`a.b.0.c=value`) applied, references resolved."""
    return load_with_origins(path, overrides)[0]


def load_with_origins(path: str | Path, overrides: Iterable[str] = ()) -> tuple[Config, Origins]:
    """The config, and for every value in it the file (or "command line") that set it."""
    origins: Origins = {}
    reading = _Reading()
    values = _read(find_config(path), (), origins, reading)
    for override in overrides:
        override_value(values, override, origins)
    _refuse_unknown_names(values, reading.used | _references(values), origins)
    sections = {name: value for name, value in values.items() if name in SECTIONS}
    resolved = {name: _resolve(value, values, (name,), (), origins) for name, value in sections.items()}
    for name in DICTS:
        if not isinstance(resolved.get(name, {}), Mapping):
            by = next((origin for keys, origin in origins.items() if keys[0] == name), "the config")
            raise ConfigError(f"{name}: expected a dict, got {resolved[name]!r:.200} (from {by})")
    return Config(resolved), {keys: origin for keys, origin in origins.items() if keys[0] in sections}


def with_overrides(config: Mapping, overrides: Iterable[str]) -> Config:
    """A copy of a resolved config with overrides applied."""
    values = copy.deepcopy(dict(config))
    for override in overrides:
        override_value(values, override, {})
    return Config(values)


def stated_value(path: str | Path, name: str) -> Any:
    """The value of `a.b.c` in a config file, before overrides; None if it has none."""
    return value_at(_read(find_config(path), (), {}, _Reading()), name)


def value_at(values: Mapping, name: str) -> Any:
    """The value of `a.b.c` with its references resolved; None if there is none."""
    value: Any = values
    steps = tuple(name.split("."))
    for depth, step in enumerate(steps, 1):
        value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            value = _resolve(value, values, steps[:depth], (), {})
    return value


def format_config(config: Mapping) -> str:
    """Formatted Python source of a config: `name = dict(...)`."""
    from yapf.yapflib.yapf_api import FormatCode  # takes 0.2 s to import

    style = "{based_on_style: pep8, column_limit: 120, each_dict_entry_on_separate_line: false}"
    texts = []
    for name, value in config.items():
        text = f"{name} = {as_source(value)}\n"
        # Not for long tables of numbers (palettes), on which yapf would spend seconds.
        texts.append(FormatCode(text, style_config=style)[0] if len(text) < 20_000 else text)
    return "".join(texts)


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass
class _Reading:
    """State of reading a file and its bases."""

    used: set[str] = field(default_factory=set)  # names that any file refers to
    files: int = 0


def _read(path: Path, chain: tuple[Path, ...], origins: Origins, reading: _Reading) -> dict:
    """The merged values of a file and its bases. Fills in `origins` and `reading.used`."""
    path = _found(path, chain)
    reading.files += 1
    if len(chain) > LONGEST_CHAIN or reading.files > MOST_FILES:
        is_long = len(chain) > LONGEST_CHAIN
        why = f"a chain of more than {LONGEST_CHAIN} bases" if is_long else f"more than {MOST_FILES} files in all"
        raise ConfigError(f"{shorten(chain[0])}: its chain of bases does not end: {why}, the last is {shorten(path)}")
    own = _with_lr_schedule(_execute(path), path)
    bases = own.pop("_base_", [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list | tuple) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(f"{shorten(path)}: _base_ is the path of a config, or a list of paths, not {bases!r}")
    values: dict = {}
    for base in bases:
        base_origins: Origins = {}
        inherited = _read(_base_path(base, path), (*chain, path), base_origins, reading)
        merge(values, inherited, (), base_origins, origins)
    reading.used |= _references(own)
    own_origins = dict.fromkeys(key_paths(own), shorten(path))
    merge(values, own, (), own_origins, origins)
    return values


def _found(path: Path, chain: tuple[Path, ...]) -> Path:
    """The resolved path of a config file; `chain` are the files whose bases led to it."""
    by = f" (a base of {shorten(chain[-1])})" if chain else ""
    try:
        path = path.expanduser().resolve()
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: NUL bytes or surrogates
        raise ConfigError(f"there is no config file {shorten(path)}{by}: {error}") from None
    if path in chain:
        circle = " -> ".join(shorten(p) for p in (*chain[chain.index(path) :], path))
        raise ConfigError(f"{shorten(path)}: its bases form a circle: {circle}")
    if not is_file:
        raise ConfigError(f"there is no config file {shorten(path)}{by}{_similar_file(path)}")
    return path


def _with_lr_schedule(values: dict, path: Path) -> dict:
    current = with_lr_schedule(values)
    if current is not values:
        tell_new_name(f"{shorten(path)}: hooks.lr", "lr_schedule")
    return dict(current)


def _base_path(base: str, child: Path) -> Path:
    if base.startswith(SHIPPED):
        return shipped_configs() / base.removeprefix(SHIPPED)
    return child.parent / base


def _execute(path: Path) -> dict:
    """Execute a config file. Returns the names that it defines, as plain values."""
    namespace: dict[str, Any] = {"__file__": str(path), "__builtins__": builtins}
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
    except SyntaxError as error:
        raise ConfigError(f"{shorten(path)}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{shorten(path)}: cannot be read: {error}") from None
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        raise ConfigError(
            f"{shorten(path)}, line {lines[-1] if lines else '?'}: {type(error).__name__}: {error}"
        ) from None
    values = {}
    for name, value in namespace.items():
        is_private = name.startswith("_") and name != "_base_"
        is_helper = isinstance(value, ModuleType) or (callable(value) and name not in SECTIONS)
        if not is_private and not is_helper:
            values[name] = as_plain(value, f"{shorten(path)}: {name}")
    return values


# --- references ------------------------------------------------------------------------------------------------------


def _references(value: Any) -> set[str]:
    if isinstance(value, str):
        return set(REFERENCE.findall(value))
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return set().union(*map(_references, items)) if items else set()


def _refuse_unknown_names(values: Mapping, used: set[str], origins: Origins) -> None:
    for name in values:
        if name not in SECTIONS and name not in used:
            file = next((origin for keys, origin in origins.items() if keys[0] == name), "the config")
            raise ConfigError(
                f"{file}: {name!r} is not a section of a config, and nothing refers to it as '${{{name}}}'."
                f"{did_you_mean(name, [*SECTIONS, *used])} Sections: {', '.join(SECTIONS)}"
            )


def _resolve(value: Any, names: Mapping, keys: tuple[str, ...], chain: tuple[str, ...], origins: Origins) -> Any:
    """`value` with its references replaced. `chain` holds the names that are being resolved, to detect circles."""
    if isinstance(value, Mapping):
        return {k: _resolve(v, names, (*keys, str(k)), chain, origins) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_resolve(v, names, (*keys, str(i)), chain, origins) for i, v in enumerate(value))
    if not isinstance(value, str):
        return value
    match = REFERENCE.fullmatch(value)
    if match:
        found = _look_up(match[1], names, keys, chain, origins)
        forget(origins, keys, keep_self=True)
        source = next((origin for w, origin in origins.items() if w[0] == match[1]), "?")
        origins.update(dict.fromkeys(key_paths(found, keys), f"{source} ({value})"))
        return found
    return REFERENCE.sub(lambda match: str(_look_up(match[1], names, keys, chain, origins)), value)


def _look_up(name: str, names: Mapping, keys: tuple[str, ...], chain: tuple[str, ...], origins: Origins) -> Any:
    path = ".".join(keys)
    if name in chain:
        raise ConfigError(f"{path}: '${{{name}}}' refers to itself: {' -> '.join((*chain, name))}")
    if name not in names:
        raise ConfigError(f"{path}: '${{{name}}}' refers to no name of the config.{did_you_mean(name, names)}")
    return _resolve(copy.deepcopy(names[name]), names, (name,), (*chain, name), dict(origins))


# --- helpers ---------------------------------------------------------------------------------------------------------


def shorten(path: Path) -> str:
    """The path, relative to the current folder if it is inside it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _similar_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f": there is no folder {shorten(folder)}"
    return f".{did_you_mean(path.name, [p.name for p in folder.glob('*.py')])}"
