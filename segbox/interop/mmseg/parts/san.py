"""SAN: mmsegmentation's model has a CLIP in three parts, its first blocks, its last blocks and its text encoder."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from segbox.errors import ConfigError
from segbox.interop.mmseg.classes import own_names
from segbox.interop.mmseg.clip_text import TEMPLATES, class_embeddings, tokens_of
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, rearranges, renamed, same

from .mask2former import refuse_aligned
from .vit import NAMES, OF_BLOCK, VARIANTS, eps_of, square

KIND = "MultimodalEncoderDecoder"
EPS = 1e-5  # of all norms of a CLIP
SIDE_NORM = {"type": "LN", "eps": 1e-6}
LOSS = {"type": "MaskLoss", "void": "background"}
BACKGROUND = "background"
DATASETS = {  # of the text encoder, by the words of mmsegmentation's configs
    "coco-stuff164k": "COCOStuffDataset",
    "pascal_context": "PascalContextDataset59",
    "voc": "PascalVOCDataset",
}
TEXT, SIDE = "text_encoder.", "side_adapter_network."
IMAGE_SIZE = 640  # that of the side network's positions, which no setting changes
OF_LAST_BLOCK = {"attentions.0.attn.": "attn.attn.", "ffns.0.": "ffn.", "norms.0.": "ln1.", "norms.1.": "ln2."}
OF_HEAD = {
    "patch_embed.projection.": "side.embed.",
    "pos_embed": "side.positions",
    "query_embed": "side.queries",
    "query_pos_embed": "side.query_positions",
    "encode_layers.": "side.blocks.",
    "conv_clips.": "side.fuse.",
    "mask_decoder.bias_scaling.": "predict.scale.",
}
FUSION = {".1.conv.": ".1."}


@rearranges("SideAdapterCLIPHead")
def rearrange(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Our backbone is the whole image encoder; our head keeps what the text encoder says of the classes."""
    rest, head = dict(model), {name: value for name, value in model["decode_head"].items() if name != "loss_decode"}
    try:
        image, text, last = rest.pop("image_encoder"), rest.pop("text_encoder"), head["maskgen_cfg"]
        first, count = image["num_layers"], last["num_layers"]
    except (KeyError, TypeError):
        raise ConfigError(f"model: is no {KIND} with an image_encoder, a text_encoder and a maskgen_cfg") from None
    scale = rest.pop("encoder_resolution", None)
    if not rest.pop("asymetric_input", True) or not isinstance(scale, float) or scale == 1:
        raise ConfigError("model.asymetric_input: segbox's CLIP sees images at another scale, encoder_resolution")
    theirs = "decode_head.rec_with_attnbias."
    places = {"image_encoder.": "backbone.", TEXT: f"decode_head.{TEXT}"}
    places |= {f"{theirs}ln_post.": "backbone.last_norm.", f"{theirs}proj.": "decode_head.project."}
    for i in range(count):
        for old, new in OF_LAST_BLOCK.items():
            places[f"{theirs}layers.{i}.{old}"] = f"backbone.layers.{first + i}.{new}"
    backbone = {"type": KIND, "image_encoder": image, "last_layers": last, "scale": scale}
    head |= {"text_encoder": text, "image_encoder": image}
    return {**rest, "type": "EncoderDecoder", "backbone": backbone, "decode_head": head}, places


@converts(KIND)
def convert_clip(outer: Arguments, maps: Maps) -> Part:
    args = Arguments("model.image_encoder", outer.take("image_encoder"))
    last = Arguments("model.decode_head.maskgen_cfg", outer.take("last_layers"))
    form = args.take("embed_dims", 768), args.take("num_layers") + last.take("num_layers"), args.take("num_heads", 12)
    if form not in VARIANTS:
        raise ConfigError(
            f"{args.path}: segbox has no CLIP with embed_dims {form[0]}, num_layers {form[1]} (those of maskgen_cfg"
            f" are among them) and num_heads {form[2]}"
        )
    require(args, out_origin=True, pre_norm=True, output_cls_token=True, patch_pad=0)
    for name, usual in {"patch_bias": False, "patch_norm": False, "final_norm": False, "in_channels": 3}.items():
        args.expect(name, usual)
    args.expect("with_cls_token", True)
    args.skip("type", "drop_rate", "attn_drop_rate", "drop_path_rate", "out_indices", "frozen_exclude")
    for one in (args, last):
        expect_clip(one)
    last.expect("embed_dims", form[0])
    last.expect("num_heads", form[2])
    config = {
        "type": "VisionTransformer",
        "variant": VARIANTS[form],
        "image_size": square(args),
        "patch": args.take("patch_size", 16),
        "image_scale": outer.take("scale"),
        "first_norm": True,
        "final_norm": True,
        "activation": "quick_gelu",
        "resize": args.take("interpolate_mode", "bicubic"),
        "eps": EPS,
    }
    args.refuse_rest()
    return Part(
        config, lambda weights: renamed(weights, {**NAMES, "ln_pre.": "first_norm.", "last_norm.": "norm."}, OF_BLOCK)
    )


def expect_clip(args: Arguments) -> None:
    require(args, act_cfg={"type": "QuickGELU"})
    args.expect("mlp_ratio", 4)
    args.expect("qkv_bias", True)
    args.expect("num_fcs", 2)
    if eps_of(args) != EPS:
        raise ConfigError(f"{args.path}.norm_cfg: in segbox, the norms of a CLIP have eps {EPS}")


def require(args: Arguments, **values: Any) -> None:
    """Refuse arguments that are left out, or have other values than these, which are not mmsegmentation's defaults."""
    for name, value in values.items():
        if not same(given := args.take(name), value):
            raise ConfigError(f"{args.path}.{name}: {given!r} has no counterpart in segbox, only {value!r}")


@converts("SideAdapterCLIPHead")
def convert_san(args: Arguments, maps: Maps) -> Part:
    refuse_aligned(args)
    args.expect("norm_cfg", None)
    args.skip("train_cfg")
    image, side, last = args.take("image_encoder"), args.inner("san_cfg"), args.inner("maskgen_cfg")
    queries, fused = side.take("num_queries", 100), fused_blocks(side, image)
    last.expect("sos_token_format", "cls_token")
    require(last, sos_token_num=queries)
    last.expect("cross_attn", False)
    last.expect("final_norm", True)
    last.skip(*("num_layers", "embed_dims", "num_heads", "mlp_ratio", "num_fcs"))  # the backbone's
    last.skip(*("qkv_bias", "act_cfg", "norm_cfg", "frozen_exclude"))
    config = {
        "type": "SANHead",
        **side_network(side, image),
        "num_queries": queries,
        "fused_blocks": fused,
        "supervised": tuple(args.take("deep_supervision_idxs")),
        "class_channels": last.take("out_dims", 512),
        "loss": LOSS,
    }
    if min(config["supervised"], default=len(fused)) < len(fused):
        raise ConfigError(
            f"{args.path}.deep_supervision_idxs: in segbox, the blocks before {len(fused)} are not trained"
        )
    text = Arguments("model.text_encoder", args.inner("text_encoder").values)
    encode = text_encoder(text, args.values["num_classes"])
    last.refuse_rest()
    return Part(config, lambda weights: rename(weights, encode))


def fused_blocks(side: Arguments, image: Mapping[str, Any]) -> tuple[int, ...]:
    """After how many blocks of the CLIP its tokens are added to those of the side network."""
    found = (0, *(i + 1 for i in image["out_indices"]))
    if found[-1] != image["num_layers"]:
        raise ConfigError("model.image_encoder.out_indices: the last one must be the last layer")
    require(side, fusion_index=tuple(range(len(found))))
    return found


def side_network(args: Arguments, image: Mapping[str, Any]) -> dict[str, Any]:
    encoder, decoder = args.inner("cfg_encoder"), args.inner("cfg_decoder")
    args.expect("in_channels", 3)
    args.expect("patch_bias", True)
    require(args, norm_cfg=SIDE_NORM, clip_channels=image["embed_dims"])
    require(encoder, mlp_ratio=4)
    heads, channels = image["num_heads"], decoder.take("embed_channels")
    require(decoder, num_heads=heads, num_layers=1, mlp_channels=channels, num_mlp=3, rescale=True)
    found = {
        "channels": args.take("embed_dims", 240),
        "depth": encoder.take("num_encode_layer"),
        "side_heads": encoder.take("num_heads"),
        "patch": args.take("patch_size", 16),
        "image_size": IMAGE_SIZE,
        "num_heads": heads,
        "mask_channels": channels,
    }
    for one in (encoder, decoder, args):
        one.refuse_rest()
    return found


def text_encoder(args: Arguments, num_classes: int) -> Callable[[Weights], Tensor]:
    """The function from the tensors of the text encoder to the embeddings of the classes."""
    heads = args.take("num_heads", 8)
    args.expect("mlp_ratio", 4)
    args.expect("cat_bg", True)
    args.expect("context_length", 77)
    args.expect("total_vocab_size", 49408)
    if eps_of(args) != EPS:
        raise ConfigError(f"{args.path}.norm_cfg: in segbox, the norms of a CLIP have eps {EPS}")
    args.skip("type", "embed_dims", "num_layers", "output_dims", "cache_feature")
    given = args.take("templates", "vild")
    templates = TEMPLATES if given == "vild" else given
    if isinstance(templates, str):
        raise ConfigError(f"{args.path}.templates: {templates!r} is not known; expected 'vild', or a list of templates")
    names = class_names(args)
    if len(names) != num_classes:
        raise ConfigError(
            f"{args.path}: names {len(names)} classes, and num_classes of the decode head is {num_classes}"
        )
    sentences = [[tokens_of(template.format(name)) for name in names] for template in templates]
    args.refuse_rest()
    return lambda weights: class_embeddings(weights, sentences, heads)


def class_names(args: Arguments) -> Sequence[str]:
    kind, names = args.take("dataset_name"), args.take("vocabulary")
    if kind is None:
        return names
    if kind not in DATASETS:
        raise ConfigError(
            f"{args.path}.dataset_name: {kind!r} is not known, only {', '.join(DATASETS)}; or give the vocabulary"
        )
    names = own_names(DATASETS[kind])[0]
    return names[1:] if names[0] == BACKGROUND else names


def rename(weights: Weights, encode: Callable[[Weights], Tensor]) -> Weights:
    text = {name.removeprefix(TEXT): value for name, value in weights.items() if name.startswith(TEXT)}
    rest = {name.removeprefix(SIDE): value for name, value in weights.items() if not name.startswith(TEXT)}
    names = dict(OF_HEAD)
    for theirs, ours in {"query_mlp": "query", "pix_mlp": "cell", "attn_mlp": "look"}.items():
        names |= {f"mask_decoder.{theirs}.layers.{i}.": f"predict.{ours}.{2 * i}." for i in range(3)}
    found = renamed(rest, names, OF_BLOCK | FUSION)
    for name, value in found.items():
        if value.dim() == 4 and name != "side.embed.weight":  # 1x1 convolutions
            found[name] = value.flatten(1)
    if text:
        found |= {"classes": encode(text), "scale": text["logit_scale"].exp()}
    return found
