"""The text of an mmsegmentation config as values. Nothing in it is executed."""

import ast
from collections.abc import Mapping
from typing import Any

from segbox.errors import CheckpointError, ConfigError
from segbox.interop.mmseg.expressions import Expressions, TooMuchError, Unreadable, unpacked, unreadable
from segbox.weights.safety import refuse_deep_nesting

OWN_MODULES = ("mmseg", "mmpretrain", "mmcls", "mmdet", "mmcv", "mmengine")  # whose parts we know


def read_text(text: str, place: str, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The names that a config defines. `base` are the values of its bases, `place` stands in messages."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigError(f"{place}{line}: is no config of mmsegmentation: {error}") from None
    reader = Expressions({}, base or {})
    for statement in tree.body:
        try:
            run_statement(reader, statement)
        except (TooMuchError, RecursionError) as error:
            raise ConfigError(
                f"{place}, line {statement.lineno}: refused, it {error or 'is nested too deep'}"
            ) from None
        except (LookupError, TypeError, ValueError, AttributeError, NotImplementedError):
            raise cannot(place, statement) from None
    refuse_tangle(reader.names, place)
    refuse_custom_imports(reader.names, place)
    return reader.names


def cannot(place: str, statement: ast.stmt) -> ConfigError:
    start = ast.unparse(statement).splitlines()[0][:80]
    return ConfigError(
        f"{place}, line {statement.lineno}: cannot be read without running code: {start!r}. Print the config with"
        " mmsegmentation (tools/misc/print_config.py) and give that file, or let the checkpoint say its config"
    )


def run_statement(reader: Expressions, statement: ast.stmt) -> None:
    names = reader.names
    if isinstance(statement, ast.Assign):
        value = reader.value(statement.value)
        for target in statement.targets:
            assign(reader, target, value)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        assign(reader, statement.target, reader.value(statement.value))
    elif isinstance(statement, ast.AugAssign):
        both = ast.BinOp(as_loaded(statement.target), statement.op, statement.value)
        assign(reader, statement.target, reader.value(ast.copy_location(both, statement)))
    elif isinstance(statement, ast.Expr):
        change(reader, statement.value)
    elif isinstance(statement, ast.Delete):
        for target in statement.targets:
            delete(reader, target)
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            name = (alias.asname or alias.name).split(".")[0]
            names[name] = unreadable(statement)
    elif not isinstance(statement, ast.Pass):
        raise NotImplementedError


def assign(reader: Expressions, target: ast.expr, value: Any) -> None:
    if isinstance(target, ast.Subscript):
        reader.plain(target.value)[reader.index(target.slice)] = value
    elif isinstance(target, ast.Attribute):
        reader.plain(target.value)[target.attr] = value
    elif isinstance(value, Unreadable):
        names = [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
        reader.names.update(dict.fromkeys(names, value))
    else:
        reader.names.update(unpacked(target, value))


def change(reader: Expressions, call: ast.expr) -> None:
    """A line such as `keys.update(more)`; a text alone, a docstring, changes nothing."""
    if isinstance(call, ast.Constant):
        return
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        raise NotImplementedError
    if call.func.attr not in ("update", "append", "extend", "insert", "pop", "setdefault"):
        raise NotImplementedError
    named = {keyword.arg: reader.value(keyword.value) for keyword in call.keywords if keyword.arg}
    getattr(reader.plain(call.func.value), call.func.attr)(*map(reader.value, call.args), **named)


def delete(reader: Expressions, target: ast.expr) -> None:
    if isinstance(target, ast.Name):
        del reader.names[target.id]
    elif isinstance(target, ast.Subscript):
        del reader.plain(target.value)[reader.index(target.slice)]
    else:
        raise NotImplementedError


def as_loaded(target: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(target), mode="eval").body


def refuse_tangle(values: Mapping[str, Any], place: str) -> None:
    """Refuse values that contain themselves or expand to millions."""
    try:
        refuse_deep_nesting(place, values)
    except CheckpointError as error:
        raise ConfigError(str(error)) from None


def refuse_custom_imports(values: Mapping[str, Any], place: str) -> None:
    custom = values.get("custom_imports") or {}
    modules = custom.get("imports", ()) if isinstance(custom, Mapping) else (custom,)
    modules = [modules] if isinstance(modules, str) else list(modules or ())
    for module in modules:
        if str(module).split(".")[0] not in OWN_MODULES:
            raise ConfigError(
                f"{place}: custom_imports: {module} is a module of its author; segbox runs no code of a config. If no"
                " part of the model comes from it, remove the line"
            )
