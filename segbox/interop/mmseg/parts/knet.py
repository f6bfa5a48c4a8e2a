"""K-Net's head: a head that gives kernels, and the stages that update them."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converters, converts, renamed, restates, same
from segbox.interop.names import divided

from .transformer import bare, names_of_attention, names_of_mlp

GENERATORS = ("FCNHead", "PSPHead", "ASPPHead", "UPerHead")
RELU = {"type": "ReLU", "inplace": True}
DEFAULTS = {"in_channels": 256, "out_channels": 256, "num_mask_fcs": 3}  # mmsegmentation's, which ours must not have
DEFAULTS_OF_UPDATE = {"in_channels": 256, "feat_channels": 64}
TRANSFORM = {"conv_cfg": {"type": "Conv2d"}, "act_cfg": None}
OF_GENERATOR = ("num_classes", "out_channels", "threshold", "align_corners", "norm_cfg", "loss_decode", "in_channels")


@restates("IterativeDecodeHead")
def say_what_the_generator_says(values: Mapping[str, Any]) -> dict[str, Any]:
    generator = values.get("kernel_generate_head")
    own = generator if isinstance(generator, Mapping) else {}
    return {**values, **{name: own[name] for name in OF_GENERATOR if name in own}}


@converts("IterativeDecodeHead")
def convert_knet(args: Arguments, maps: Maps) -> Part:
    generator = args.inner("kernel_generate_head")
    if (kind := bare(generator.take("type"))) not in GENERATORS:
        raise ConfigError(f"{generator.path}.type: {kind} has no counterpart in segbox, only {', '.join(GENERATORS)}")
    generator.skip("norm_cfg", "in_channels")  # read as the whole head's
    part = converters()[kind](generator, maps)
    generator.refuse_rest()
    stages = args.take("kernel_update_head")
    args.expect("num_stages", len(stages))
    if not stages or not all(same(stage, stages[0]) for stage in stages):
        raise ConfigError(f"{args.path}.kernel_update_head: in segbox, all stages have the same settings")
    stage = Arguments(f"{args.path}.kernel_update_head.0", {**DEFAULTS, **stages[0]})
    own = settings_of(stage, part.config["channels"])
    config = {"type": "KNetHead", "generator": part.config, "num_stages": len(stages), **own}
    return Part(config, lambda weights: rename(weights, part, len(stages)), part.model)


def settings_of(args: Arguments, channels: int) -> dict[str, Any]:
    args.expect("in_channels", channels)
    args.expect("out_channels", channels)
    args.expect("num_ffn_fcs", 2)
    args.expect("num_mask_fcs", 1)
    args.expect("dropout", 0.0)
    args.expect("conv_kernel_size", 1)
    args.expect("act_cfg", RELU)
    args.expect("ffn_act_cfg", RELU)
    args.expect("with_ffn", True)
    args.expect("feat_gather_stride", 1)
    args.expect("mask_transform_stride", 1)
    if not same(args.take("feat_transform_cfg"), TRANSFORM):
        raise ConfigError(f"{args.path}.feat_transform_cfg: segbox's KNetHead has one 1x1 convolution: {TRANSFORM}")
    args.skip("kernel_init")
    config = {"hidden": args.take("feedforward_channels", 2048), "num_heads": args.take("num_heads", 8)}
    update = args.inner("kernel_updator_cfg")
    config["group_channels"] = group_of(Arguments(update.path, {**DEFAULTS_OF_UPDATE, **update.values}))
    args.refuse_rest()
    return config


def group_of(args: Arguments) -> int:
    args.expect("type", "KernelUpdator", "mmseg.KernelUpdator")
    group = args.take("in_channels")
    args.expect("feat_channels", group)
    args.expect("out_channels", None, group)
    args.expect("gate_sigmoid", True)
    args.expect("gate_norm_act", False)
    args.expect("activate_out", False)
    args.expect("act_cfg", RELU)
    args.expect("norm_cfg", {"type": "LN"})
    args.refuse_rest()
    return group


UPDATE = {
    "dynamic_layer.": "of_found.",
    "input_layer.": "of_kernels.",
    "input_gate.": "kernel_gate.0.",
    "input_norm_in.": "kernel_gate.1.",
    "update_gate.": "found_gate.0.",
    "norm_in.": "found_gate.1.",
    "norm_out.": "found_norm.",
    "input_norm_out.": "kernel_norm.",
    "fc_layer.": "out.0.",
    "fc_norm.": "out.1.",
}


def rename(weights: Weights, generator: Part, stages: int) -> Weights:
    start, ours = "kernel_generate_head.", "generator."
    first = {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}
    names = {}
    for i in range(stages):
        theirs, own = f"kernel_update_head.{i}.", f"stages.{i}."
        names |= {f"{theirs}kernel_update_conv.{old}": f"{own}update.{new}" for old, new in UPDATE.items()}
        names |= names_of_attention(f"{theirs}attention.", f"{own}exchange.", f"{theirs}attention_norm.")
        names |= names_of_mlp(theirs, f"{own}mlp.", "ffn_norm.")
        names[f"{theirs}feat_transform.conv."] = f"{own}project."
        names |= {f"{theirs}mask_fcs.{j}.": f"{own}refine.{j}." for j in range(2)}
        names[f"{theirs}fc_mask."] = f"{own}refine.3."
    rest = {name: value for name, value in weights.items() if not name.startswith(start)}
    found = divided(renamed(rest, names, inside={}))
    return found | {ours + name: value for name, value in generator.rename(first).items()}
