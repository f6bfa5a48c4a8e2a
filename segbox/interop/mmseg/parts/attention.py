"""Heads of self-attention on one map: DANet's and CCNet's."""

from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed

DA_NAMES = {
    "pam_in_conv.": "position.0.",
    "pam.query_project.": "position.1.query.",
    "pam.key_project.": "position.1.key.",
    "pam.value_project.": "position.1.value.",
    "pam.gamma.scale": "position.1.gamma",
    "pam_out_conv.": "position.2.",
    "pam_conv_seg.": "classify_branch.position.",
    "cam_in_conv.": "channel.0.",
    "cam.gamma.scale": "channel.1.gamma",
    "cam_out_conv.": "channel.2.",
    "cam_conv_seg.": "classify_branch.channel.",
    "conv_seg.": "classify.",
}
CC_NAMES = {
    "convs.0.": "reduce.",
    "convs.1.": "refine.",
    "cca.query_conv.": "attention.query.",
    "cca.key_conv.": "attention.key.",
    "cca.value_conv.": "attention.value.",
    "cca.gamma.scale": "attention.gamma",
    "conv_cat.": "fuse.",
    "conv_seg.": "classify.",
}
REDUCTION = 8  # of channels in queries and keys


@converts("DAHead")
def convert_da(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    channels = args.take("channels")
    args.expect("pam_channels", channels // REDUCTION)
    dropout = args.take("dropout_ratio", 0.1)
    return Part({"type": "DANetHead", "channels": channels, "dropout": dropout}, rename_da)


@converts("CCHead")
def convert_cc(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    args.expect("num_convs", 2)
    args.expect("concat_input", True)
    args.expect("kernel_size", 3)
    args.expect("dilation", 1)
    config = {
        "type": "CCNetHead",
        "channels": args.take("channels"),
        "recurrence": args.take("recurrence", 2),
        "dropout": args.take("dropout_ratio", 0.1),
    }
    return Part(config, rename_cc)


def rename_da(weights: Weights) -> Weights:
    return gammas_as_vectors(renamed(weights, DA_NAMES))


def rename_cc(weights: Weights) -> Weights:
    return gammas_as_vectors(renamed(weights, CC_NAMES))


def gammas_as_vectors(weights: Weights) -> Weights:
    """A gamma is a number there, a vector of one number here."""
    return {name: value.reshape(1) if name.endswith(".gamma") else value for name, value in weights.items()}
