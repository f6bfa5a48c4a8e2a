"""segbox: semantic segmentation in PyTorch, built from declarative configs."""

__version__ = "0.1.0"

IGNORE_INDEX = 255  # the label of pixels that belong to no class: never learned, never scored
