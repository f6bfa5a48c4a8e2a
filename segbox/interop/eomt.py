"""EoMT as its authors' code saves it (https://github.com/tue-mps/eomt): tensors alone, with timm's names of the ViT.

They come without a config. What the network is follows from its tensors, which fit one of DINOv2's four sizes.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from segbox.errors import CheckpointError
from segbox.interop.imported import Imported
from segbox.interop.names import Rules, rename, tensor
from segbox.interop.transformers_eomt import GATED_SIZE, MODEL, SIZES, eomt
from segbox.interop.transformers_parts import LAST, Settings

HEAD_WIDTH = 64  # channels of an attention head, in all sizes of DINOv2
PREFIX = "network."  # of Lightning's module
ENCODER = "encoder.backbone"
QUERIES, CLASSES, TABLE = "q.weight", "class_head.bias", f"{ENCODER}.pos_embed"
BLOCK = rf"{re.escape(ENCODER)}\.blocks\.(\d+)"
RULES: Rules = {
    r"attn_mask_probs": "decode_head.mask_probability",
    r"criterion\.empty_weight": None,
    r"encoder\.pixel_(?:mean|std)": None,  # in the config
    r"q\.weight": "decode_head.queries",
    rf"class_head{LAST}": r"decode_head.classify.\1",
    rf"mask_head\.([024]){LAST}": r"decode_head.mask.\1.\2",
    rf"upscale\.(\d)\.conv1{LAST}": r"decode_head.upscale.\1.up.\2",
    r"upscale\.(\d)\.conv2\.weight": r"decode_head.upscale.\1.mix.weight",
    rf"upscale\.(\d)\.norm{LAST}": r"decode_head.upscale.\1.norm.\2",
    r"encoder\.backbone\.(cls_token|reg_token|pos_embed)": rf"{MODEL}.\1",
    rf"encoder\.backbone\.(patch_embed\.proj|norm){LAST}": rf"{MODEL}.\1.\2",
    rf"{BLOCK}\.(norm[12]|attn\.qkv|attn\.proj|mlp\.fc[12]){LAST}": rf"{MODEL}.blocks.\1.\2.\3",
    rf"{BLOCK}\.(ls[12]\.gamma)": rf"{MODEL}.blocks.\1.\2",
}


def is_eomt(weights: Mapping[str, Tensor]) -> bool:
    """Whether tensors have the names of the authors' code."""
    return {QUERIES, CLASSES} <= {name.removeprefix(PREFIX) for name in weights}


def convert_eomt(weights: Mapping[str, Tensor], source: object, licence: str | None = None) -> Imported:
    """The model whose tensors these are."""
    weights = {name.removeprefix(PREFIX): value for name, value in weights.items()}
    if TABLE not in weights:
        raise CheckpointError(
            f"{source}: is EoMT on a backbone that segbox cannot tell from its tensors (there is no {TABLE}); it opens"
            " EoMT on DINOv2. On DINOv3, EoMT is published as differences from Meta's weights: add these with the"
            " authors' code, or take a model in the form of transformers (EomtDinov3ForUniversalSegmentation)"
        )
    part = eomt(Settings(str(source), settings_of(weights, source)))
    mean, std = (bytes_of(tensor(weights, f"encoder.pixel_{name}", source)) for name in ("mean", "std"))
    num_classes = len(weights[CLASSES]) - 1
    return Imported(
        model=dict(type="EncoderDecoder", **part.model, num_classes=num_classes, mean=mean, std=std),
        weights=rename(weights, RULES, source),
        origin="EoMT of its authors",
        test=part.test,
        licence=licence,
        pipeline=part.pipeline,
    )


def settings_of(weights: Mapping[str, Tensor], source: object) -> dict[str, Any]:
    """What transformers' config.json of the same model says."""
    width, _, patch, _ = tensor(weights, f"{ENCODER}.patch_embed.proj.weight", source).shape
    depth = 1 + max((int(found[1]) for name in weights if (found := re.match(rf"{BLOCK}\.", name))), default=-1)
    is_gated = (depth, width) == GATED_SIZE
    if not is_gated and (depth, width) not in SIZES:
        known = ", ".join(f"{blocks} x {channels}" for blocks, channels in (*SIZES, GATED_SIZE))
        raise CheckpointError(
            f"{source}: is EoMT on a ViT of {depth} x {width} (blocks x channels); segbox opens it on DINOv2's: {known}"
        )
    cells = weights[TABLE].shape[1]
    side = math.isqrt(cells)
    if side * side != cells:
        raise CheckpointError(
            f"{source}: was trained on images that are not square ({cells} patches); segbox opens square ones"
        )
    return dict(
        image_size=side * patch,
        patch_size=patch,
        num_hidden_layers=depth,
        hidden_size=width,
        num_attention_heads=width // HEAD_WIDTH,
        use_swiglu_ffn=is_gated,
        num_register_tokens=tensor(weights, f"{ENCODER}.reg_token", source).shape[1],
        num_queries=len(weights[QUERIES]),
        num_blocks=len(tensor(weights, "attn_mask_probs", source)),
        num_upscale_blocks=len({name.split(".")[1] for name in weights if name.startswith("upscale.")}),
    )


def bytes_of(values: Tensor) -> tuple[float, ...]:
    """Mean or std of images from 0 to 1, for bytes."""
    return tuple(round(255 * value, 6) for value in values.flatten().tolist())
