"""ResNeSt."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, converts

from .resnet import strides_and_dilations

STEMS = {50: 64, 101: 128, 200: 128}  # depth -> channels of the stem


@converts("ResNeSt")
def convert_resnest(args: Arguments, maps: Maps) -> Part:
    depth = args.take("depth")
    args.expect("depth", *STEMS)
    stem = args.take("stem_channels", 64)
    if stem != STEMS[depth]:
        raise ConfigError(f"{args.path}.stem_channels: segbox's ResNeSt-{depth} has {STEMS[depth]}, not {stem}")
    args.expect("in_channels", 3)
    args.expect("base_channels", 64)
    args.expect("num_stages", 4)
    args.expect("style", "pytorch")
    args.expect("groups", 1)
    args.expect("radix", 2)
    args.expect("reduction_factor", 4)
    args.expect("avg_down_stride", True)
    args.expect("dcn", None)
    args.expect("plugins", None)
    args.skip("base_width", "stage_with_dcn")  # the width is of several groups
    found = strides_and_dilations(args)
    if set(found) != {"output_stride"}:
        raise ConfigError(f"{args.path}: segbox's ResNeSt has the dilations of its strides alone, and no multi_grid")
    levels = {i: stage - 4 for i, stage in enumerate(args.take("out_indices", (0, 1, 2, 3)))}
    return Part({"type": "ResNeSt", "variant": str(depth), **found}, dict, levels=levels)  # our names are theirs
