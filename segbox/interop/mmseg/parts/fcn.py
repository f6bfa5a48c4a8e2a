"""The fully convolutional head."""

from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed


@converts("FCNHead")
def convert_fcn(args: Arguments, maps: Maps) -> Part:
    level = maps.level(args)
    args.skip("in_channels")
    args.expect("concat_input", True, False)
    if args.take("concat_input", True):
        args.rest["concat_input=True"] = True
    args.expect("kernel_size", 3)
    args.expect("dilation", 1)
    config = {
        "type": "FCNHead",
        "level": level,
        "channels": args.take("channels"),
        "num_convs": args.take("num_convs", 2),
        "dropout": args.take("dropout_ratio", 0.1),
    }
    return Part(config, rename)


def rename(weights: Weights) -> Weights:
    return renamed(weights, {"conv_seg.": "classify."})
