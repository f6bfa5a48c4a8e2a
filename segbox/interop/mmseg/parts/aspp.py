"""The heads of DeepLabV3 and DeepLabV3+."""

import torch

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, renamed

NAMES = {
    "image_pool.1.": "pyramid.image.1.",
    "aspp_modules.0.": "pyramid.point.",
    "bottleneck.": "pyramid.project.",
    "c1_bottleneck.": "reduce.0.",
    "conv_seg.": "classify.",
}
SEPARABLE = {"depthwise_conv.": "0.", "pointwise_conv.": "1."}


@converts("ASPPHead")
def convert_deeplab_v3(args: Arguments, maps: Maps) -> Part:
    channels, rates = args.take("channels"), rates_of(args)
    config = {
        "type": "DeepLabV3Head",
        "level": maps.level(args),
        "channels": channels,
        "rates": rates,
        "mix_kernel": 3,
        "refine": False,
        "pyramid_dropout": 0.0,
        "dropout": dropout(args),
    }
    names = NAMES | {f"aspp_modules.{i + 1}.": f"pyramid.atrous.{i}." for i in range(len(rates))}
    return Part(config, lambda weights: pooled_last(renamed(weights, names), channels))


@converts("DepthwiseSeparableASPPHead")
def convert_deeplab_v3_plus(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    if not args.take("c1_in_channels"):
        raise ConfigError(f"{args.path}.c1_in_channels: segbox's head reads a fine map too, this one has none")
    channels, rates = args.take("channels"), rates_of(args)
    config = {
        "type": "DeepLabV3PlusHead",
        "channels": channels,
        "low_channels": args.take("c1_channels"),
        "rates": rates,
        "separable": True,
        "mix_kernel": 3,
        "dropout": dropout(args),
    }
    names = NAMES | {
        f"{theirs}.{kind}": f"{ours}.{place}"
        for kind, place in SEPARABLE.items()
        for theirs, ours in (
            *((f"aspp_modules.{i + 1}", f"pyramid.atrous.{i}") for i in range(len(rates))),
            *((f"sep_bottleneck.{i}", f"refine.{i}") for i in range(2)),
        )
    }
    return Part(config, lambda weights: pooled_last(renamed(weights, names), channels))


def rates_of(args: Arguments) -> tuple[int, ...]:
    """The dilations of the 3x3 convolutions; the first of mmsegmentation's is that of a 1x1."""
    point, *rates = args.take("dilations", (1, 6, 12, 18))
    if point != 1 or 1 in rates:
        raise ConfigError(f"{args.path}.dilations: segbox's pyramid begins with one 1x1, of dilation 1")
    return tuple(rates)


def pooled_last(weights: Weights, channels: int) -> Weights:
    """The image's mean is the first branch in mmsegmentation and the last in ours: another order of channels."""
    name = "pyramid.project.conv.weight"
    if name in weights:
        weights[name] = torch.roll(weights[name], -channels, dims=1)
    return weights
