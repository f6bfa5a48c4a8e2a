"""The layers of DETR's kind that mmcv and mmdetection share among heads."""

import math
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments
from segbox.interop.names import JOINED


def bare(kind: Any) -> str:
    """The type without its scope: "mmdet.PixelDecoder" is "PixelDecoder"."""
    return str(kind).rsplit(".", 1)[-1]


def attention_of(args: Arguments, channels: int) -> tuple[int, float]:
    """The number of heads and the rate of dropout of a MultiheadAttention."""
    args.expect("embed_dims", channels)
    args.expect("batch_first", True)
    args.expect("dropout_layer", None)
    heads, dropout = args.take("num_heads", 8), args.take("attn_drop", args.take("dropout", 0.0))
    args.expect("proj_drop", dropout)
    args.expect("dropout", dropout)
    args.refuse_rest()
    return heads, float(dropout)


def mlp_of(args: Arguments, channels: int) -> tuple[int, float]:
    """The width inside and the rate of dropout of an FFN."""
    args.expect("embed_dims", channels)
    args.expect("num_fcs", 2)
    args.expect("act_cfg", {"type": "ReLU", "inplace": True}, {"type": "ReLU"})
    args.expect("dropout_layer", None)
    args.expect("add_identity", True)
    hidden, dropout = args.take("feedforward_channels", 1024), args.take("ffn_drop", 0.0)
    args.refuse_rest()
    return hidden, float(dropout)


def sines_of(args: Arguments, name: str, channels: int) -> None:
    """Refuse positions that are not those of our `sine_positions`."""
    if name not in args.values:
        raise ConfigError(f"{args.path}: has no {name}")
    sines = args.inner(name)
    sines.expect("num_feats", channels // 2)
    sines.expect("normalize", True)
    sines.expect("temperature", 10_000)
    sines.expect("scale", 2 * math.pi)
    sines.expect("eps", 1e-6)
    sines.expect("offset", 0.0)
    sines.skip("type")
    sines.refuse_rest()


def names_of_attention(theirs: str, ours: str, norm: str) -> dict[str, str]:
    """The names of an attention with its norm: theirs -> ours; see `divided`."""
    return {
        f"{theirs}attn.in_proj_": f"{ours}attention{JOINED}",
        f"{theirs}attn.out_proj.": f"{ours}attention.out.",
        norm: f"{ours}norm.",
    }


def names_of_mlp(theirs: str, ours: str, norm: str) -> dict[str, str]:
    return {
        f"{theirs}ffn.layers.0.0.": f"{ours}expand.",
        f"{theirs}ffn.layers.1.": f"{ours}project.",
        f"{theirs}{norm}": f"{ours}norm.",
    }
