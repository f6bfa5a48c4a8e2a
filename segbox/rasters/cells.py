"""How a raster is divided: into panels of columns, and these into strips of rows. A cell is a strip of a panel.

The window scores that are kept while a panel is worked through take memory in proportion to its width. Panels are as
wide as a budget allows, so neither the height nor the width of a raster changes the memory.
"""

from typing import NamedTuple

from segbox.data.rasters.source import BLOCK

STRIP = 2 * BLOCK  # rows of a cell: what a killed process loses at most
BUDGET = 512 * 2**20  # bytes of window scores


class Cell(NamedTuple):
    rows: slice
    columns: slice


def cells_of(height: int, width: int, panel: int, strip: int = STRIP) -> list[Cell]:
    """Panel by panel, and from top to bottom in each."""
    return [Cell(rows, columns) for columns in pieces(width, panel) for rows in pieces(height, strip)]


def pieces(length: int, longest: int) -> list[slice]:
    return [slice(start, min(start + longest, length)) for start in range(0, length, longest)]


def panel_width(bytes_per_window: int, window: tuple[int, int], stride: tuple[int, int], budget: int = BUDGET) -> int:
    """The columns of a panel: whole blocks, at least one."""
    rows_kept = 1 + -(-window[0] // stride[0])
    columns = budget * stride[1] // (rows_kept * bytes_per_window) - window[1]
    return max(1, columns // BLOCK) * BLOCK


def share_of(cells: list[Cell], number: int, count: int) -> list[Cell]:
    """The `number`-th of `count` runs of neighbouring cells, from 1."""
    return cells[(number - 1) * len(cells) // count : number * len(cells) // count]
