"""Pickles that hold objects of other packages beside tensors: the tensors are read, the objects become stand-ins.

Checkpoints of mmengine hold its HistoryBuffer, others NumPy numbers. A stand-in is made where a file names a class or
a function; nothing that a file names is imported or called. A file that names what only code needs (`os.system`) is
refused.
"""

import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

# Of the standard library: modules and built-in functions that pickles of plain objects name.
PLAIN_MODULES = {
    *("collections", "datetime", "decimal", "enum", "fractions", "functools", "pathlib", "types", "typing", "uuid"),
    *("_codecs", "copyreg", "copy_reg", "argparse", "random", "time", "dataclasses", "operator", "logging", "string"),
}
BUILTINS = {"getattr", "object", "slice", "range", "list", "dict", "tuple", "int", "float", "str", "bool", "type"}
REAL: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "complex"): complex,
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
    **{
        ("torch._utils", name): getattr(torch._utils, name)
        for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
    },
}


class CodeError(Exception):
    """A pickle names something that only code needs."""


class StandIn:
    """In place of an object, a class or a function that a pickle names. It keeps nothing that it gets."""

    def __new__(cls, *args: Any, **named: Any) -> "StandIn":
        return object.__new__(cls)

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def __call__(self, *args: Any, **named: Any) -> "StandIn":
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    extend = add = append


def stand_in(module: str, name: str) -> type[StandIn]:
    """The stand-in for one name, whose own name is that."""
    return type(name.rpartition(".")[2], (StandIn,), {"__module__": module, "__slots__": ()})


class Unpickler(pickle.Unpickler):
    """Gives the few functions that rebuild tensors, and stand-ins for all other names."""

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module)
        if (module, name) in REAL:
            return REAL[module, name]
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        root = module.split(".")[0]
        is_plain = name in BUILTINS if root == "builtins" else root in PLAIN_MODULES
        if root in {*sys.stdlib_module_names, "__builtin__"} and not is_plain:
            raise CodeError(f"{module}.{name}")
        return stand_in(module, name)


def load(file: Any, **options: Any) -> Any:
    return Unpickler(file, **options).load()


PICKLE = SimpleNamespace(Unpickler=Unpickler, load=load, __name__="segbox.weights.stand_ins")


def read_with_stand_ins(path: Path, mapped: bool) -> Any:
    """The content of a file of `torch.save`. Raises CodeError."""
    return torch.load(path, map_location="cpu", pickle_module=PICKLE, weights_only=False, mmap=mapped)
