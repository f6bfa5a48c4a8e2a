"""segbox: semantic segmentation in PyTorch, built from declarative configs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbox.api import LoadedModel, Predictor, load

__version__ = "0.1.0"
__all__ = ["IGNORE_INDEX", "LoadedModel", "Predictor", "load"]

IGNORE_INDEX = 255  # the label of pixels that belong to no class: never learned, never scored


def __getattr__(name: str) -> Any:
    """`segbox.load` and the like, imported when they are first used: PyTorch takes seconds."""
    if name not in ("LoadedModel", "Predictor", "load"):
        raise AttributeError(f"module 'segbox' has no attribute {name!r}")
    from segbox import api

    return getattr(api, name)
