"""A decorator for functions that torch.compile must call as they are."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import torch

Function = TypeVar("Function", bound=Callable)


def uncompiled(function: Function) -> Function:
    """Like torch.compiler.disable, which imports the compiler at once: seconds, in programs that compile nothing."""
    disabled = torch._disable_dynamo(function)  # imports it when it is called, while something is compiled

    @wraps(function)
    def call(*args, **kwargs):
        return (disabled if torch.compiler.is_compiling() else function)(*args, **kwargs)

    return call
