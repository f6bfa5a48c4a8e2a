"""PSPNet's head."""

from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, renamed

NAMES = {"psp_modules.": "pyramid.levels.", "bottleneck.": "fuse.", "conv_seg.": "classify."}


@converts("PSPHead")
def convert_psp(args: Arguments, maps: Maps) -> Part:
    config = {
        "type": "PSPHead",
        "level": maps.level(args),
        "channels": args.take("channels"),
        "pool_channels": args.take("channels"),
        "pool_scales": tuple(args.take("pool_scales", (1, 2, 3, 6))),
        "dropout": dropout(args),
    }
    return Part(config, rename)


def rename(weights: Weights) -> Weights:
    return renamed(weights, NAMES)
