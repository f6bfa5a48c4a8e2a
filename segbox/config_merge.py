"""Merges the values of a config's files and applies overrides, and remembers the file that set each value."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from segbox.errors import ConfigError, did_you_mean
from segbox.literals import as_plain, is_number_as_text, read_literal
from segbox.renamed import NEW_NAMES, present_name, tell_new_name

DICTS = ("model", "data", "optimizer", "hooks", "train", "test", "metric")
SECTIONS = (*DICTS, "seed", "imports")
COMMAND_LINE = "command line"

Origins = dict[tuple[str, ...], str]  # the keys that lead to a value -> the file that set it


def merge(into: dict, values: Mapping, keys: tuple[str, ...], new: Origins, origins: Origins) -> None:
    """Merge `values`, whose origins are `new`, into `into`, whose origins are `origins`."""
    for name, value in values.items():
        key = _present_key(into, name, keys)
        there, here = (*keys, str(name)), (*keys, str(key))
        if isinstance(value, Mapping) and isinstance(into.get(key), dict) and _merges(into[key], value):
            merge(into[key], value, here, new, origins)
            continue
        forget(origins, here)
        into[key] = _without_delete(value)
        found = {w: origin for w, origin in new.items() if w[: len(there)] == there and w[-1] != "_delete_"}
        origins.update({(*here, *w[len(here) :]): origin for w, origin in found.items()})


def _present_key(into: Mapping, name: Any, keys: Sequence[str]) -> Any:
    """The key of `into` that `name` sets: an argument's old name sets the new one that a base has, and vice versa."""
    key = present_name(name, into)
    if key != name and name in NEW_NAMES:
        tell_new_name(".".join([*keys, name]), key)
    return key


def _merges(old: Mapping, new: Mapping) -> bool:
    other_type = "type" in new and new["type"] != old.get("type", new["type"])
    return not other_type and not new.get("_delete_", False)


def _without_delete(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_delete(item) for name, item in value.items() if name != "_delete_"}
    if isinstance(value, list | tuple):
        return type(value)(_without_delete(item) for item in value)
    return value


def override_value(values: dict, override: str, origins: Origins) -> None:
    """Apply one override `a.b.0.c=value`. It sets an existing value, or a new argument of a dict with a `type`."""
    name, sign, text = override.partition("=")
    names = name.strip().split(".")
    if not sign or not all(names):
        raise ConfigError(f"override {override!r}: expected name.of.the.value=value")
    if names[:2] == ["hooks", "lr"]:
        tell_new_name("hooks.lr", "lr_schedule")
        names[1] = "lr_schedule"
    node: Any = values
    for depth, step in enumerate(names[:-1]):
        node = node[_step(node, step, names[: depth + 1], override)]
    if isinstance(node, Mapping):
        names[-1] = _present_key(node, names[-1], names[:-1])
    key = _step(node, names[-1], names, override, may_be_new=True)
    if isinstance(node, tuple):
        raise ConfigError(f"override {override!r}: {'.'.join(names[:-1])} is a tuple; give all of it")
    value = as_plain(read_literal(text.strip()), f"override {override!r}")
    if isinstance(node, Mapping) and is_number_as_text(node.get(key)) and isinstance(value, int | float):
        value = text.strip()  # variant="50" is a string, and so is its override 34
    node[key] = value
    keys = tuple(map(str, names))
    forget(origins, keys)
    origins.update(dict.fromkeys(key_paths(value, keys), COMMAND_LINE))


def _step(node: Any, step: str, names: list[str], override: str, may_be_new: bool = False) -> Any:
    """The key or index of `node` that `step` stands for."""
    parent = ".".join(names[:-1])
    if isinstance(node, list | tuple):
        if re.fullmatch(r"-?[0-9]{1,9}", step) and -len(node) <= int(step) < len(node):
            return int(step)
        raise ConfigError(f"override {override!r}: {parent} is a list of {len(node)}, it has no item {step!r}")
    if not isinstance(node, Mapping):
        raise ConfigError(f"override {override!r}: {parent} is {node!r}, nothing in it can be set")
    for key in node:  # keys need not be strings: label_map={255: 0}
        if str(key) == step:
            return key
    if may_be_new and (("type" in node) or (len(names) == 1 and step in SECTIONS)):
        return step  # checked when this dict is built
    known = [str(key) for key in node] if parent else [*node, *SECTIONS]
    where = f"{parent} has" if parent else "the config has"
    all_known = ", ".join(dict.fromkeys(known))
    raise ConfigError(f"override {override!r}: {where} no {step!r}.{did_you_mean(step, known)} It has: {all_known}")


def key_paths(value: Any, keys: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The keys that lead to each value in nested dicts and lists; an empty dict or list counts as a value."""
    if isinstance(value, Mapping) and value:
        return [found for key, item in value.items() for found in key_paths(item, (*keys, str(key)))]
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        return [found for i, item in enumerate(value) for found in key_paths(item, (*keys, str(i)))]
    return [keys]


def forget(origins: Origins, keys: tuple[str, ...], keep_self: bool = False) -> None:
    for known in [w for w in origins if w[: len(keys)] == keys or keys[: len(w)] == w]:
        if not (keep_self and known == keys):
            del origins[known]
