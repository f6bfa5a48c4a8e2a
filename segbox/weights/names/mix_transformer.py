"""Mix Transformers of Hugging Face, NVIDIA (NVlabs/SegFormer) and mmsegmentation."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from segbox.weights.names.rename import Weights, rename

# Inside of the hub's files, then in models of transformers 5, which renames them
HUGGING_FACE = {
    r"^segformer\.": "",
    r"^encoder\.patch_embeddings\.(\d)\.": r"stages.\1.patch_embeddings.",
    r"^encoder\.block\.(\d)\.": r"stages.\1.blocks.",
    r"^encoder\.layer_norm\.(\d)\.": r"stages.\1.layer_norm.",
    r"\.patch_embeddings\.proj\.": ".embed.project.",
    r"\.patch_embeddings\.layer_norm\.": ".embed.norm.",
    r"^(stages\.\d)\.layer_norm\.": r"\1.norm.",
    r"\.(layer_norm_1|layernorm_before)\.": ".norm1.",
    r"\.(layer_norm_2|layernorm_after)\.": ".norm2.",
    r"\.attention\.(self\.query|q_proj)\.": ".attention.query.",
    r"\.attention\.(self\.key|k_proj)\.": ".attention.key.",
    r"\.attention\.(self\.value|v_proj)\.": ".attention.value.",
    r"\.attention\.(self\.sr|sequence_reduction\.sequence_reduction)\.": ".attention.reduce.",
    r"\.attention\.(self|sequence_reduction)\.layer_norm\.": ".attention.reduce_norm.",
    r"\.attention\.(output\.dense|o_proj)\.": ".attention.out.",
    r"\.mlp\.(dense1|fc1)\.": ".mlp.expand.",
    r"\.mlp\.dwconv\.dwconv\.": ".mlp.depthwise.",
    r"\.mlp\.(dense2|fc2)\.": ".mlp.project.",
}
ATTENTION = {
    r"\.attn\.sr\.": ".attention.reduce.",
    r"\.attn\.norm\.": ".attention.reduce_norm.",
}
MMSEGMENTATION = {
    r"^layers\.(\d)\.0\.projection\.": r"stages.\1.embed.project.",
    r"^layers\.(\d)\.0\.norm\.": r"stages.\1.embed.norm.",
    r"^layers\.(\d)\.1\.": r"stages.\1.blocks.",
    r"^layers\.(\d)\.2\.": r"stages.\1.norm.",
    r"\.attn\.attn\.in_proj_": ".attention.query_key_value.",
    r"\.attn\.attn\.out_proj\.": ".attention.out.",
    **ATTENTION,
    r"\.ffn\.layers\.0\.": ".mlp.expand.",
    r"\.ffn\.layers\.1\.": ".mlp.depthwise.",
    r"\.ffn\.layers\.4\.": ".mlp.project.",
}


def hugging_face(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    found = rename(weights, HUGGING_FACE)
    for name in [name for name in found if ".attention.key." in name]:
        value = found.get(name.replace(".key.", ".value."))
        if value is not None:
            found[name.replace(".key.", ".key_value.")] = torch.cat([found.pop(name), value])
            del found[name.replace(".key.", ".value.")]
    return found


def nvidia(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """NVlabs/SegFormer counts its stages from 1."""
    stages = {rf"^{old}{i + 1}\.": f"stages.{i}.{new}." for i in range(4) for old, new in NVIDIA_STAGE.items()}
    return rename(weights, {**stages, **NVIDIA, **ATTENTION})


NVIDIA_STAGE = {"patch_embed": "embed", "block": "blocks", "norm": "norm"}
NVIDIA = {
    r"\.embed\.proj\.": ".embed.project.",
    r"\.attn\.q\.": ".attention.query.",
    r"\.attn\.kv\.": ".attention.key_value.",
    r"\.attn\.proj\.": ".attention.out.",
    r"\.mlp\.fc1\.": ".mlp.expand.",
    r"\.mlp\.dwconv\.dwconv\.": ".mlp.depthwise.",
    r"\.mlp\.fc2\.": ".mlp.project.",
}


def mmsegmentation(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """Query, key and value are one tensor; the layers of the MLP are 1x1 convolutions."""
    found = {}
    for name, value in rename(weights, MMSEGMENTATION).items():
        if ".query_key_value." in name:
            width = len(value) // 3
            found[name.replace("query_key_value", "query")] = value[:width]
            found[name.replace("query_key_value", "key_value")] = value[width:]
        else:
            is_linear = re.search(r"\.mlp\.(expand|project)\.weight$", name) and value.ndim == 4
            found[name] = value.flatten(1) if is_linear else value
    return found
