"""Layers that two or more parts share, one per file."""

from .conv import ConvNormAct
from .initialize import initialize_msra
from .resize import resize

__all__ = ["ConvNormAct", "initialize_msra", "resize"]
