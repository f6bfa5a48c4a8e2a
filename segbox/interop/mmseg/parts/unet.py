"""U-Net, whose decoder belongs to the backbone."""

import re

from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts

LEVELS = 5
# their name of a convolution or norm -> ours of its place
NAMES = (
    (r"encoder\.(\d+)\.[01]\.convs\.(\d+)\.", "encoder.levels"),
    (r"decoder\.(\d+)\.conv_block\.convs\.(\d+)\.", "blocks"),
)


@converts("UNet")
def convert_unet(args: Arguments, maps: Maps) -> Part:
    args.expect("in_channels", 3)
    args.expect("base_channels", 64, 32)
    args.expect("num_stages", LEVELS)
    args.expect("strides", (1,) * LEVELS)
    args.expect("enc_num_convs", (2,) * LEVELS)
    args.expect("dec_num_convs", (2,) * (LEVELS - 1))
    args.expect("downsamples", (True,) * (LEVELS - 1))
    args.expect("enc_dilations", (1,) * LEVELS)
    args.expect("dec_dilations", (1,) * (LEVELS - 1))
    args.expect("upsample_cfg", {"type": "InterpConv"})
    args.expect("dcn", None)
    args.expect("plugins", None)
    config = {"type": "UNet", "variant": str(args.take("base_channels", 64)), "maps": 2}
    return Part(config, rename, levels={4: -2, 3: -1})  # theirs are coarse to fine


def rename(weights: Weights) -> Weights:
    return {renamed_tensor(name): value for name, value in weights.items()}


def renamed_tensor(name: str) -> str:
    for pattern, ours in NAMES:
        match = re.match(pattern, name)
        if match:
            level, place = match.groups()
            kind, _, rest = name[match.end() :].partition(".")
            own = 3 * int(place) + (kind == "bn")  # convolution, norm, ReLU
            return f"{ours}.{level}.{own}.{rest}"
    name = re.sub(r"decoder\.(\d+)\.upsample\.interp_upsample\.1\.", r"ups.\1.", name)
    return name.replace(".bn.", ".norm.")
