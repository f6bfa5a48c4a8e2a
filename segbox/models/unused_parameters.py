"""Parameters that no loss depends on: what a config can say about them."""

from collections.abc import Sequence

from torch import nn

BACKBONE = "backbone."


def way_out(names: Sequence[str], model: nn.Module) -> str:
    """For parameters that have no gradient after a step."""
    if not all(name.startswith(BACKBONE) for name in names):
        return "take the part out of the model, or give it a loss"
    strides = model.backbone.strides
    maps = ", ".join(f"{i} (stride {stride})" for i, stride in enumerate(strides))
    ways = ["take a head that reads all of them (UPerHead, SegFormerHead, FPNHead)"]
    if hasattr(model.backbone, "unused"):  # one that can leave maps out
        ways.append(f"make only those that are read (the last: model.backbone.out_indices=({len(strides) - 1},))")
    ways.append("freeze the backbone (model.freeze_backbone=True)")
    return f"no head reads the maps of the backbone that they make. Its maps are {maps}: {', or '.join(ways)}"
