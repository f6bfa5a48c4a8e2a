"""PSPNet's head."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed

NAMES = {"psp_modules.": "pyramid.levels.", "bottleneck.": "fuse.", "conv_seg.": "classify."}


@converts("PSPHead")
def convert_psp(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    channels, in_channels = args.take("channels"), args.take("in_channels")
    scales = tuple(args.take("pool_scales", (1, 2, 3, 6)))
    if channels != in_channels // len(scales):
        raise ConfigError(
            f"{args.path}.channels: segbox's pyramid has {in_channels // len(scales)} channels a level, not {channels}"
        )
    dropout = args.take("dropout_ratio", 0.1)
    return Part({"type": "PSPHead", "channels": channels, "pool_scales": scales, "dropout": dropout}, rename)


def rename(weights: Weights) -> Weights:
    return renamed(weights, NAMES)
