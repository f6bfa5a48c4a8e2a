"""Decoders of segmentation_models_pytorch as our heads. Each function reads the arguments of one model of smp."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments
from segbox.interop.names import NORM, Rules
from segbox.interop.smp_encoders import DEPTH, Encoder

HEAD, PYRAMID = "decode_head", "decode_head.pyramid"
CHANNELS = (256, 128, 64, 32, 16)
RATES = (12, 24, 36)
NUM_MAPS = 4  # of FPN


@dataclass(frozen=True)
class Decoder:
    """Our config of head and neck, and the rules for the names of their tensors.

    `upsampling`: of the logits to the images' size, 1 if they have it. smp aligns corners where it is not 1.
    """

    head: dict[str, Any]
    rules: Rules
    neck: dict[str, Any] | None = None
    upsampling: int = 1


def takes_norm(args: Arguments) -> bool:
    """Whether convolutions have batch norms; other norms are refused."""
    name, norm = "decoder_use_norm", args.take("decoder_use_norm", "batchnorm")
    for old in ("decoder_use_batchnorm", "psp_use_batchnorm"):
        value = args.take(old)
        name, norm = (name, norm) if value is None else (old, value)
    if isinstance(norm, dict) and set(norm) == {"type"}:
        norm = norm["type"]
    if norm not in (True, False, "batchnorm", "identity"):
        raise ConfigError(f"{args.path}.{name}: {norm!r} has no counterpart in segbox; it has 'batchnorm', 'identity'")
    return norm in (True, "batchnorm")


def takes_unet(args: Arguments, depth: int) -> dict[str, Any]:
    channels = tuple(args.take("decoder_channels", CHANNELS))
    if len(channels) != depth:
        raise ConfigError(f"{args.path}.decoder_channels: {channels} for an encoder of depth {depth}")
    attention = args.take("decoder_attention_type")
    if attention not in (None, "scse"):
        raise ConfigError(f"{args.path}.decoder_attention_type: {attention!r} has no counterpart in segbox")
    upsampling = args.take("decoder_interpolation", "nearest")
    if upsampling not in ("nearest", "bilinear"):
        raise ConfigError(f"{args.path}.decoder_interpolation: {upsampling!r} has no counterpart in segbox")
    return dict(channels=channels, norm=takes_norm(args), scse=attention == "scse", upsampling=upsampling)


def unet_rules(theirs: str, ours: str, has_norm: bool) -> dict[str, str | None]:
    """Of one block, by the beginnings of its names."""
    second = 3 if has_norm else 2
    scse = {
        r"cSE\.1\.(weight|bias)": "excite.fc1",
        r"cSE\.3\.(weight|bias)": "excite.fc2",
        r"sSE\.0\.(weight|bias)": "place",
    }
    rules = {
        rf"{theirs}\.conv1\.0\.(weight|bias)": rf"{ours}.convs.0.\g<1>",
        rf"{theirs}\.conv1\.1\.{NORM}": rf"{ours}.convs.1.\g<1>",
        rf"{theirs}\.conv2\.0\.(weight|bias)": rf"{ours}.convs.{second}.\g<1>",
        rf"{theirs}\.conv2\.1\.{NORM}": rf"{ours}.convs.{second + 1}.\g<1>",
    }
    for name, part in (("attention1", "attend"), ("attention2", "finish")):
        rules |= {rf"{theirs}\.{name}\.attention\.{key}": rf"{ours}.{part}.{to}.\g<1>" for key, to in scse.items()}
    return rules


def classifier_rules() -> Rules:
    return {r"segmentation_head\.0\.(weight|bias)": rf"{HEAD}.classify.\1"}


def unet(args: Arguments, depth: int, encoder: Encoder) -> Decoder:
    head = takes_unet(args, depth)
    # smp makes it, and does not use it
    rules: dict[str, str | None] = {rf"decoder\.blocks\.{depth - 1}\.attention1\..+": None}
    for i in range(depth):
        rules |= unet_rules(rf"decoder\.blocks\.{i}", f"{HEAD}.blocks.{i}", head["norm"])
    rules |= center_rules(f"{HEAD}.center", head["norm"])
    return Decoder({"type": "SMPUNetHead", **head, "center": encoder.is_vgg}, rules | classifier_rules())


def center_rules(ours: str, has_norm: bool) -> dict[str, str | None]:
    second = 3 if has_norm else 2
    rules: dict[str, str | None] = {}
    for i, place in enumerate((0, second)):
        rules[rf"decoder\.center\.{i}\.0\.(weight|bias)"] = rf"{ours}.{place}.\1"
        rules[rf"decoder\.center\.{i}\.1\.{NORM}"] = rf"{ours}.{place + 1}.\1"
    return rules


def unet_plus_plus(args: Arguments, depth: int, encoder: Encoder) -> Decoder:
    refuse_quarter(args, encoder)
    head = takes_unet(args, depth)
    last = rf"decoder\.blocks\.x_0_{depth - 1}"
    rules: dict[str, str | None] = {r"decoder\.center\..+": None, rf"{last}\.attention1\..+": None}  # not used by smp
    rules |= unet_rules(last, f"{HEAD}.finish", head["norm"])
    for level in range(depth - 1):
        for row in range(level + 1):
            ours = f"{HEAD}.blocks.{row}_{level}"
            rules |= unet_rules(rf"decoder\.blocks\.x_{row}_{level}", ours, head["norm"])
    return Decoder({"type": "SMPUNetPlusPlusHead", **head}, rules | classifier_rules())


def linknet(args: Arguments, depth: int, encoder: Encoder) -> Decoder:
    refuse_quarter(args, encoder)
    norm = takes_norm(args)
    rules: dict[str, str | None] = {}
    for i in range(3):  # each a convolution, a norm and an activation
        ours = rf"{HEAD}.blocks.\1"
        rules[rf"decoder\.blocks\.(\d+)\.block\.{i}\.0\.(weight|bias)"] = rf"{ours}.{3 * i}.\2"
        rules[rf"decoder\.blocks\.(\d+)\.block\.{i}\.1\.{NORM}"] = rf"{ours}.{3 * i + 1}.\2"
    return Decoder({"type": "SMPLinkNetHead", "norm": norm}, rules | classifier_rules())


def refuse_quarter(args: Arguments, encoder: Encoder) -> None:
    if not encoder.has_half:
        raise ConfigError(
            f"{args.path}.encoder_name: segbox has no counterpart of this decoder on {encoder.name}, which has no map"
            " of stride 2"
        )


def fpn(args: Arguments, depth: int, encoder: Encoder) -> Decoder:
    refuse_depth(args, depth)
    args.expect("decoder_merge_policy", "add")
    args.expect("decoder_interpolation", "nearest")
    channels = args.take("decoder_segmentation_channels", 128)
    head = dict(type="FPNHead", channels=channels, dropout=args.take("decoder_dropout", 0.2))
    rules: dict[str, str | None] = {}
    for i in range(NUM_MAPS):  # finest first; smp's p2 is ours 0
        conv = rf"decoder\.p{i + 2}" if i == NUM_MAPS - 1 else rf"decoder\.p{i + 2}\.skip_conv"
        rules[rf"{conv}\.(weight|bias)"] = rf"neck.laterals.{i}.\1"
        steps = rf"decoder\.seg_blocks\.{NUM_MAPS - 1 - i}\.block\.(\d+)\.block\.([01])\.(weight|bias)"
        rules[steps] = rf"{HEAD}.climbs.{i}.steps.\1.\2.\3"
    neck = dict(type="FPN", channels=args.take("decoder_pyramid_channels", 256), smooth=False)
    return Decoder(head, rules | classifier_rules(), neck, args.take("upsampling", 4))


def refuse_depth(args: Arguments, depth: int) -> None:
    if depth != DEPTH:
        raise ConfigError(f"{args.path}.encoder_depth: {depth} has no counterpart in segbox; it has {DEPTH}")


def pspnet(args: Arguments, depth: int, encoder: Encoder) -> Decoder:
    head = dict(type="SMPPSPHead", channels=args.take("psp_out_channels", 512), norm=takes_norm(args))
    head["dropout"] = args.take("psp_dropout", 0.2)
    rules = {
        r"decoder\.psp\.blocks\.(\d+)\.pool\.1\.0\.(weight|bias)": rf"{HEAD}.levels.\1.1.\2",
        rf"decoder\.psp\.blocks\.(\d+)\.pool\.1\.1\.{NORM}": rf"{HEAD}.levels.\1.2.\2",
        r"decoder\.conv\.0\.(weight|bias)": rf"{HEAD}.fuse.0.\1",
        rf"decoder\.conv\.1\.{NORM}": rf"{HEAD}.fuse.1.\1",
    }
    return Decoder(head, rules | classifier_rules(), upsampling=args.take("upsampling", 8))


def aspp_rules(theirs: str, separable: bool) -> dict[str, str | None]:
    rules: dict[str, str | None] = {
        rf"{theirs}\.convs\.0\.0\.weight": f"{PYRAMID}.point.conv.weight",
        rf"{theirs}\.convs\.0\.1\.{NORM}": rf"{PYRAMID}.point.norm.\1",
        rf"{theirs}\.convs\.4\.1\.weight": f"{PYRAMID}.image.1.conv.weight",
        rf"{theirs}\.convs\.4\.2\.{NORM}": rf"{PYRAMID}.image.1.norm.\1",
        rf"{theirs}\.project\.0\.weight": f"{PYRAMID}.project.conv.weight",
        rf"{theirs}\.project\.1\.{NORM}": rf"{PYRAMID}.project.norm.\1",
    }
    for i in range(len(RATES)):
        branch, ours = rf"{theirs}\.convs\.{i + 1}", f"{PYRAMID}.atrous.{i}"
        rules |= separable_rules(branch, ours) if separable else conv_rules(branch, ours)
    return rules


def conv_rules(theirs: str, ours: str) -> dict[str, str | None]:
    return {rf"{theirs}\.0\.weight": f"{ours}.conv.weight", rf"{theirs}\.1\.{NORM}": rf"{ours}.norm.\1"}


def separable_rules(theirs: str, ours: str, norm: str | None = None) -> dict[str, str | None]:
    return {
        rf"{theirs}\.0\.0\.weight": f"{ours}.0.weight",
        rf"{theirs}\.0\.1\.weight": f"{ours}.1.conv.weight",
        rf"{theirs}\.1\.{NORM}": rf"{ours}.1.norm.\1",
    }


def takes_aspp(args: Arguments) -> dict[str, Any]:
    rates: Sequence[int] = args.take("decoder_atrous_rates", RATES)
    dropout = args.take("decoder_aspp_dropout", 0.5)
    return dict(channels=args.take("decoder_channels", 256), rates=tuple(rates), pyramid_dropout=dropout)


def deeplab_v3(args: Arguments, depth: int, encoder: Encoder) -> Decoder:
    refuse_depth(args, depth)
    args.expect("decoder_aspp_separable", False)
    head = dict(type="DeepLabV3Head", **takes_aspp(args), dropout=0.0)
    rules = {
        **aspp_rules(r"decoder\.(?:aspp|0)", separable=False),  # 0, 1, 2: names of smp before 0.4
        r"decoder\.(?:conv|1)\.weight": f"{HEAD}.fuse.conv.weight",
        rf"decoder\.(?:bn|2)\.{NORM}": rf"{HEAD}.fuse.norm.\1",
    }
    return Decoder(head, rules | classifier_rules(), upsampling=args.take("upsampling") or 0)


def deeplab_v3_plus(args: Arguments, depth: int, encoder: Encoder) -> Decoder:
    refuse_depth(args, depth)
    separable = args.take("decoder_aspp_separable", True)
    head = dict(type="SMPDeepLabV3PlusHead", **takes_aspp(args), separable=separable)
    rules = {
        **aspp_rules(r"decoder\.aspp\.0", separable),
        r"decoder\.aspp\.1\.0\.weight": f"{HEAD}.fuse.0.weight",
        r"decoder\.aspp\.1\.1\.weight": f"{HEAD}.fuse.1.conv.weight",
        rf"decoder\.aspp\.2\.{NORM}": rf"{HEAD}.fuse.1.norm.\1",
        **conv_rules(r"decoder\.block1", f"{HEAD}.reduce.0"),
        **separable_rules(r"decoder\.block2", f"{HEAD}.refine"),
    }
    return Decoder(head, rules | classifier_rules(), upsampling=args.take("upsampling", 4))


Convert = Callable[[Arguments, int, Encoder], Decoder]
DECODERS: dict[str, Convert] = {
    "Unet": unet,
    "UnetPlusPlus": unet_plus_plus,
    "Linknet": linknet,
    "FPN": fpn,
    "PSPNet": pspnet,
    "DeepLabV3": deeplab_v3,
    "DeepLabV3Plus": deeplab_v3_plus,
}
