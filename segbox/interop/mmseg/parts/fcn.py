"""The fully convolutional head."""

from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, renamed


@converts("FCNHead")
def convert_fcn(args: Arguments, maps: Maps) -> Part:
    config = {
        "type": "FCNHead",
        "level": maps.level(args),
        "channels": args.take("channels"),
        "num_convs": args.take("num_convs", 2),
        "dropout": dropout(args),
        "kernel": args.take("kernel_size", 3),
        "dilation": args.take("dilation", 1),
        "concat_input": args.take("concat_input", True),
    }
    if not config["num_convs"] and not config["concat_input"]:
        args.skip("norm_cfg", "act_cfg")  # of no layer
    return Part(config, rename)


def rename(weights: Weights) -> Weights:
    return renamed(weights, {"conv_cat.": "fuse.", "conv_seg.": "classify."})
