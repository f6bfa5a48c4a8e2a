"""OCRNet's head, the last one of a cascade, with the head of the coarse prediction before it."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, renamed

from .fcn import convert_fcn

NAMES = {
    "0.conv_seg.": "coarse.classify.",
    "0.convs.": "coarse.convs.",
    "1.bottleneck.": "reduce.",
    "1.object_context_block.query_project.": "context.query.",
    "1.object_context_block.key_project.": "context.key.",
    "1.object_context_block.value_project.": "context.value.",
    "1.object_context_block.out_project.": "context.expand.",
    "1.object_context_block.bottleneck.": "fuse.",
    "1.conv_seg.": "classify.",
}


@converts("OCRHead")
def convert_ocr(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    args.expect("scale", 1)
    if [one.values["type"] for one in args.earlier] != ["FCNHead"]:
        raise ConfigError(f"{args.path}: in segbox, an OCRHead follows one FCNHead in a CascadeEncoderDecoder")
    coarse = args.earlier[0]
    first = convert_fcn(coarse, maps).config
    if (first["num_convs"], first["dilation"], first["concat_input"]) != (1, 1, False):
        raise ConfigError(
            f"{coarse.path}: segbox's OCRHead has one coarse convolution: num_convs=1, dilation=1, concat_input=False"
        )
    loss = coarse.values.get("loss_decode")
    config = {
        "type": "OCRHead",
        "channels": args.take("channels"),
        "key_channels": args.take("ocr_channels"),
        **{f"coarse_{name}": first[name] for name in ("level", "kernel", "channels", "dropout")},
        "coarse_loss_weight": loss.get("loss_weight", 1.0) if isinstance(loss, dict) else 0.4,
        "dropout": dropout(args),
    }
    return Part(config, rename)


def rename(weights: Weights) -> Weights:
    return renamed(weights, NAMES)
