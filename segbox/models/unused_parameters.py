"""What to do about parameters that no loss depends on."""

from collections.abc import Sequence

from torch import nn

BACKBONE = "backbone."


def advice_for(names: Sequence[str], model: nn.Module) -> str:
    """How the config can avoid these parameters, which have no gradient after a step."""
    if not all(name.startswith(BACKBONE) for name in names):
        return "remove this part from the model, or give it a loss"
    strides = model.backbone.strides
    maps = ", ".join(f"{i} (stride {stride})" for i, stride in enumerate(strides))
    ways = ["use a head that reads all maps (UPerHead, SegFormerHead, FPNHead)"]
    if hasattr(model.backbone, "unused"):  # it can leave maps out
        ways.append(
            f"make only the maps that are read (the last one: model.backbone.out_indices=({len(strides) - 1},))"
        )
    ways.append("freeze the backbone (model.freeze_backbone=True)")
    return f"no head reads the maps that they compute. The backbone's maps are {maps}: {', or '.join(ways)}"
