"""Encoders of segmentation_models_pytorch as our backbones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segbox.errors import CheckpointError, ConfigError, UserError
from segbox.interop.names import Rules
from segbox.weights.mean_std import IMAGENET

DEPTH = 5  # of a whole encoder: it ends at stride 32
RESNETS = {f"resnet{depth}": str(depth) for depth in (18, 34, 50, 101, 152)}
RESNEXTS = tuple(f"resnext{name}d" for name in ("50_32x4", "101_32x4", "101_32x8", "101_32x16", "101_32x32"))
VGGS = {"vgg16": "16", "vgg19": "19", "vgg16_bn": "16-bn", "vgg19_bn": "19-bn"}
OF_TIMM = "tu-"  # tu-NAME is timm's NAME
DILATIONS = {8: (1, 1, 2, 4), 16: (1, 1, 1, 2)}  # of a ResNet's stages, by output stride
# Old names of encoders that smp itself takes from timm.
RENAMED = {f"timm-{name}": f"tu-{name}" for name in ("regnet", "res2", "resnest", "gernet")}
RENAMED["timm-mobilenetv3"] = "tu-tf_mobilenetv3"
PADDED = "segbox pads images to multiples of 32 for timm's networks, smp takes them as they are"
STRIDES = (2, 4, 8, 16, 32), (4, 8, 16, 32)


@dataclass(frozen=True)
class Encoder:
    """Our config of the backbone, and the rules for the names of its tensors."""

    name: str
    config: dict[str, Any]
    rules: Rules
    normalization: Mapping[str, Any]  # mean and std
    is_vgg: bool = False
    has_half: bool = True  # whether the finest map has stride 2, not 4
    notes: tuple[str, ...] = ()


def encoder_of(name: str, depth: int, output_stride: int | None, source: object) -> Encoder:
    """The encoder `name`. `output_stride` is None for a model that does not set one."""
    old = next((old for old in RENAMED if name.startswith(old)), None)
    name = RENAMED[old] + name.removeprefix(old) if old else name
    if name.startswith(OF_TIMM):
        return timm_encoder(name.removeprefix(OF_TIMM), depth, output_stride)
    for names, convert in CONVERTERS:
        if name in names:
            return convert(name, depth, output_stride)
    known = ", ".join([*RESNETS, *RESNEXTS, *VGGS, "mobilenet_v2", *MITS])
    raise CheckpointError(
        f"{source}: segbox has no counterpart of smp's encoder {name!r}. It has {known}, and timm's (tu-NAME)"
    )


def resnet(name: str, depth: int, output_stride: int | None) -> Encoder:
    """Of a shallow encoder, smp keeps the layers that it does not use."""
    unused = "|".join(f"layer{i}" for i in range(depth, DEPTH)) or "none"
    rules = {rf"encoder\.({unused})\..+": None, r"encoder\.(.+)": r"backbone.\1"}
    own: dict[str, Any] = {"type": "ResNet", "variant": RESNETS[name]}
    if depth != DEPTH:
        own["num_stages"] = depth - 1
    if output_stride is not None:
        own |= {"output_stride": output_stride, "dilations": DILATIONS[output_stride], "halve_first": False}
    return Encoder(name, own, rules, IMAGENET)


def resnext(name: str, depth: int, output_stride: int | None) -> Encoder:
    refuse_depth(name, depth)
    refuse_stride(name, output_stride)
    own = {"type": "Timm", "name": name}
    return Encoder(name, own, {r"encoder\.(.+)": r"backbone.network.\1"}, IMAGENET, notes=(PADDED,))


def vgg(name: str, depth: int, output_stride: int | None) -> Encoder:
    refuse_depth(name, depth)
    config = {"type": "VGG", "variant": VGGS[name], "taps": "before_pool_and_last"}
    note = f"smp rounds the sizes of {name}'s maps down, segbox up: they are equal for sides that are multiples of 32"
    return Encoder(name, config, {r"encoder\.(.+)": r"backbone.\1"}, IMAGENET, is_vgg=True, notes=(note,))


def mobilenet_v2(name: str, depth: int, output_stride: int | None) -> Encoder:
    refuse_depth(name, depth)
    own: dict[str, Any] = {"type": "MobileNetV2"}
    if output_stride is not None:
        own |= {"output_stride": output_stride, "dilated": "whole"}
    return Encoder(name, own, {r"encoder\.(.+)": r"backbone.\1"}, IMAGENET)


def refuse_depth(name: str, depth: int) -> None:
    if depth != DEPTH:
        raise ConfigError(f"encoder_depth: {depth} has no counterpart in segbox for {name}; it has {DEPTH}")


def refuse_stride(name: str, output_stride: int | None) -> None:
    if output_stride is not None:
        raise ConfigError(f"encoder_output_stride: smp's way to dilate {name} has no counterpart in segbox")


def mit(name: str, depth: int, output_stride: int | None) -> Encoder:
    refuse_depth(name, depth)
    rules: dict[str, str | None] = {}
    for i in range(4):
        stage, block = f"backbone.stages.{i}", rf"encoder\.block{i + 1}\.(\d+)"
        inside = rf"{stage}.blocks.\1"
        rules |= {
            rf"encoder\.patch_embed{i + 1}\.proj\.(.+)": rf"{stage}.embed.project.\1",
            rf"encoder\.patch_embed{i + 1}\.norm\.(.+)": rf"{stage}.embed.norm.\1",
            rf"encoder\.norm{i + 1}\.(.+)": rf"{stage}.norm.\1",
            rf"{block}\.(norm[12]\..+)": rf"{inside}.\2",
            rf"{block}\.attn\.q\.(.+)": rf"{inside}.attention.query.\2",
            rf"{block}\.attn\.kv\.(.+)": rf"{inside}.attention.key_value.\2",
            rf"{block}\.attn\.proj\.(.+)": rf"{inside}.attention.out.\2",
            rf"{block}\.attn\.sr\.(.+)": rf"{inside}.attention.reduce.\2",
            rf"{block}\.attn\.norm\.(.+)": rf"{inside}.attention.reduce_norm.\2",
            rf"{block}\.mlp\.fc1\.(.+)": rf"{inside}.mlp.expand.\2",
            rf"{block}\.mlp\.dwconv\.dwconv\.(.+)": rf"{inside}.mlp.depthwise.\2",
            rf"{block}\.mlp\.fc2\.(.+)": rf"{inside}.mlp.project.\2",
        }
    config = {"type": "MixTransformer", "variant": name.removeprefix("mit_")}
    return Encoder(name, config, rules, IMAGENET, has_half=False)


def timm_encoder(name: str, depth: int, output_stride: int | None) -> Encoder:
    strides, normalization = timm_card(name)
    if strides not in STRIDES or "dla" in name or "tresnet" in name:
        raise ConfigError(f"encoder_name: segbox has no counterpart of smp's encoder tu-{name}")
    has_half = strides[0] == 2
    own: dict[str, Any] = {"type": "Timm", "name": name}
    if depth != DEPTH:
        own["out_indices"] = tuple(range(depth if has_half else depth - 1))
    if output_stride is not None:
        own["output_stride"] = output_stride
    rules = {r"encoder\.model\.(.+)": r"backbone.network.\1"}
    return Encoder(f"tu-{name}", own, rules, normalization, has_half=has_half, notes=(PADDED,))


def timm_card(name: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The strides of all maps of one of timm's networks, which is built without memory, and its mean and std."""
    try:
        import timm
        import torch
    except ImportError:
        raise UserError(f'the encoder tu-{name} needs timm: pip install "segbox[timm]"') from None
    try:
        with torch.device("meta"):
            network = timm.create_model(name, features_only=True)
    except (RuntimeError, AttributeError) as error:
        raise ConfigError(f"encoder_name: timm has no maps of {name!r}: {error}") from None
    card = network.pretrained_cfg
    mean_std = {key: tuple(round(255 * value, 6) for value in card[key]) for key in ("mean", "std")}
    return tuple(network.feature_info.reduction()), mean_std


MITS = {f"mit_b{i}": f"b{i}" for i in range(6)}
Convert = Callable[[str, int, int | None], Encoder]
CONVERTERS: tuple[tuple[Any, Convert], ...] = (
    (RESNETS, resnet),
    (RESNEXTS, resnext),
    (VGGS, vgg),
    (("mobilenet_v2",), mobilenet_v2),
    (MITS, mit),
)
