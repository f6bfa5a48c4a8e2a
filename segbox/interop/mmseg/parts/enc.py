"""EncNet's head."""

from collections.abc import Mapping

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed

NAMES = {
    "bottleneck.": "reduce.",
    "lateral_convs.": "lateral.project.",
    "fusion.": "lateral.fuse.",
    "enc_module.encoding_project.": "encode.0.",
    "enc_module.encoding.0.codewords": "encode.1.codewords",
    "enc_module.encoding.0.scale": "encode.1.scales",
    "enc_module.encoding.1.": "encode.1.norm.",
    "enc_module.fc.0.": "gate.",
    "se_layer.": "classify_scene.",
    "conv_seg.": "classify.",
}


@converts("EncHead")
def convert_enc(args: Arguments, maps: Maps) -> Part:
    lateral = args.take("add_lateral", False)
    indices = args.take("in_index", -1)
    args.expect("input_transform", None)  # the head sets it
    levels = [maps.levels.get(i) for i in indices]
    if levels[-1] != -1 or (lateral and levels != [-3, -2, -1]):
        raise ConfigError(f"{args.path}.in_index: segbox's head reads the last three maps, not {tuple(indices)}")
    args.expect("use_se_loss", True)
    loss = args.take("loss_se_decode", {"loss_weight": 0.2})
    config = {
        "type": "EncNetHead",
        "channels": args.take("channels"),
        "num_codewords": args.take("num_codes", 32),
        "kernel": 3,
        "lateral": lateral,
        "se_loss_weight": loss.get("loss_weight", 1.0) if isinstance(loss, Mapping) else 0.2,
        "dropout": args.take("dropout_ratio", 0.1),
    }
    return Part(config, rename)


def rename(weights: Weights) -> Weights:
    return renamed(weights, NAMES)
