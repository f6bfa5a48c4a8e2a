"""timm's vision transformers, plain and pyramidal. What timm's network for classes lacks keeps its first values."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.weights.names.rename import Weights, rename

BLOCK = {
    r"\.attn\.qkv\.": ".attention.query_key_value.",
    r"\.attn\.proj\.": ".attention.out.",
    r"\.mlp\.fc1\.": ".mlp.0.",
    r"\.mlp\.fc2\.": ".mlp.2.",
}
SWIN = {
    r"^norm\..*": "",  # of the classifier; this is our name of the norm of the patches
    r"^patch_embed\.proj\.": "embed.",
    r"^patch_embed\.norm\.": "norm.",
    r"^layers\.(\d)\.blocks\.": r"stages.\1.",
    r"\.attn\.relative_position_bias_table": ".attention.bias_table",
    **BLOCK,
}
VIT = {
    r"^cls_token": "class_token",
    r"^pos_embed": "positions",
    r"^patch_embed\.proj\.": "embed.",
    r"^norm_pre\.": "first_norm.",
    **BLOCK,
}
BEIT = {
    **VIT,
    r"^blocks\.(\d+)\.attn\.relative_position_bias_table": r"tables.\1",
    r"\.attn\.q_bias": ".attention.query_bias",
    r"\.attn\.v_bias": ".attention.value_bias",
    r"\.gamma_(\d)": r".scale\1.factor",
}
TWINS = {
    r"^patch_embeds\.(\d)\.proj\.": r"stages.\1.embed.",
    r"^patch_embeds\.(\d)\.norm\.": r"stages.\1.embed_norm.",
    r"^pos_block\.(\d)\.proj\.0\.": r"stages.\1.positions.",
    r"^blocks\.(\d)\.": r"stages.\1.blocks.",
    r"\.attn\.q\.": ".attention.query.",
    r"\.attn\.kv\.": ".attention.key_value.",
    r"\.attn\.sr\.": ".attention.reduce.",
    r"\.attn\.norm\.": ".attention.reduce_norm.",
    **BLOCK,
}
POOLFORMER = {
    r"^stem\.conv\.": "embeds.0.",
    r"^stages\.(\d)\.downsample\.conv\.": r"embeds.\1.",
    r"^stages\.(\d)\.blocks\.": r"stages.\1.",
    r"\.layer_scale(\d)\.scale": r".scale\1",
    **BLOCK,
}
DERIVED = (".relative_position_index", ".attn_mask")  # not learned


def swin(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """Old files have the merge behind a stage, new ones in front of the next."""
    first = 0 if "layers.0.downsample.norm.weight" in weights else 1
    merges = {
        rf"^layers\.{i + first}\.downsample\.{theirs}\.": f"merges.{i}.{ours}."
        for i in range(3)
        for theirs, ours in (("norm", "norm"), ("reduction", "reduce"))
    }
    return completed(rename(learned(weights), {**SWIN, **merges}), backbone, "map_norms.")


def twins(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    return completed(rename(weights, TWINS), backbone, *(f"stages.{i}.norm." for i in range(4)))


def poolformer(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    found = rename(weights, POOLFORMER)
    found = {name: value.view(-1, 1, 1) if ".scale" in name else value for name, value in found.items()}
    return completed(found, backbone, "norms.")


def vit(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """The bias of the patches becomes a part of the positions, which are resized to those of the backbone."""
    found = rename(weights, VIT)
    found["positions"] = positions_for(backbone.positions, found["positions"])
    if (bias := found.pop("embed.bias", None)) is not None:
        found["positions"] = torch.cat([found["positions"][:, :1], found["positions"][:, 1:] + bias], dim=1)
    return found


def beit(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    found = rename(learned(weights), BEIT)
    return {
        name: table_for(backbone.get_parameter(name), value) if name.startswith("tables.") else value
        for name, value in found.items()
    }


def learned(weights: Mapping[str, Tensor]) -> Weights:
    return {name: value for name, value in weights.items() if not name.endswith(DERIVED)}


def completed(weights: Weights, backbone: nn.Module, *starts: str) -> Weights:
    """With the backbone's own tensors whose names begin so, and without those that have lost their name."""
    own = {name: value for name, value in backbone.state_dict().items() if name.startswith(starts)}
    return {name: value for name, value in {**own, **weights}.items() if name}


def positions_for(own: Tensor, positions: Tensor) -> Tensor:
    """1 N C: the first is the class token's, the others are a square, by rows."""
    return torch.cat([positions[:, :1], square_of(positions[:, 1:], own.shape[1] - 1)], dim=1)


def table_for(own: Tensor, table: Tensor) -> Tensor:
    """The last three rows are the class token's, the others a square of offsets, by rows."""
    return torch.cat([square_of(table[None, :-3], len(own) - 3)[0], table[-3:]])


def square_of(rows: Tensor, count: int) -> Tensor:
    """1 N C -> 1 count C."""
    if rows.shape[1] == count:
        return rows
    old, new = round(rows.shape[1] ** 0.5), round(count**0.5)
    grid = F.interpolate(rows.mT.unflatten(2, (old, old)), (new, new), mode="bicubic", antialias=True)
    return grid.flatten(2).mT
