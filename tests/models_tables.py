"""The tables of docs/models.md, from the registries: python -m tests.models_tables --write"""

from segbox.commands.params import as_markdown, cell, grid_backbones
from segbox.models.complexity import cost_grid
from segbox.registry import HEADS
from tests.generated_table import put_table
from tests.runs import ROOT

PAGE = ROOT / "docs" / "models.md"
SIZE, CLASSES = (512, 512), 21
BACKBONES_OF_HEADS = ("ResNet", "MixTransformer", "Timm convnext_tiny", "Timm vit_small_patch16_lingbot")
HEADS_OF_BACKBONES = ("LinearHead", "FCNHead", "SegFormerHead", "UPerHead")


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"


def heads_table(heads: list[str] | None = None) -> str:
    """A row per head, with a column for each of a few backbones."""
    names = sorted(HEADS) if heads is None else heads
    grid = costs(BACKBONES_OF_HEADS, names)
    rows = [[head, *(cell(grid[name][head]) for name in BACKBONES_OF_HEADS)] for head in names]
    return as_markdown([["M parameters / GFLOPs", *BACKBONES_OF_HEADS], *rows]) + "\n"


def backbones_table(backbones: list[str] | None = None) -> str:
    """A row per backbone, with a column for each of a few heads."""
    names = sorted(grid_backbones()) if backbones is None else backbones
    grid = costs(names, HEADS_OF_BACKBONES)
    rows = [[name, *(cell(grid[name][head]) for head in HEADS_OF_BACKBONES)] for name in names]
    return as_markdown([["M parameters / GFLOPs", *HEADS_OF_BACKBONES], *rows]) + "\n"


def costs(backbones, heads):
    known = grid_backbones()
    return cost_grid(
        {name: (known[name], {head: {"type": head} for head in heads}) for name in backbones}, CLASSES, SIZE
    )


TABLES = {"heads": heads_table, "backbones": backbones_table}

if __name__ == "__main__":
    for name, table in TABLES.items():
        put_table(PAGE, table(), *marks(name))
