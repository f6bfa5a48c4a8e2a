"""FastFCN's neck."""

from torch import Tensor

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed

NAMES = {f"conv_layers.{i}.0.": f"convs.{i}." for i in range(3)} | {
    f"dilation_layers.{i}.0.{theirs}": f"branches.{i}.{ours}"
    for i in range(4)
    for theirs, ours in (("depthwise_conv.", "0."), ("pointwise_conv.", "1."))
}


@converts("JPU")
def convert_jpu(args: Arguments, maps: Maps) -> Part:
    args.skip("in_channels")
    args.expect("start_level", 0)
    args.expect("end_level", -1, 3)
    args.expect("dilations", (1, 2, 4, 8))
    if [maps.levels.get(i) for i in range(3)] != [-3, -2, -1] or len(maps.levels) != 3:
        raise ConfigError(f"{args.path}: segbox's JPU reads the last three maps, this one reads {sorted(maps.levels)}")
    config = {"type": "JPU", "channels": args.take("mid_channels", 512)}
    # mmsegmentation's gives maps 0 and 1 as they are, and its own as 2. Ours leaves out 1.
    return Part(config, rename, levels={0: -2, 2: -1}, passes={0: -3, 1: -2})


def rename(weights: Weights) -> Weights:
    return {name: coarsest_first(name, value) for name, value in renamed(weights, NAMES).items()}


def coarsest_first(name: str, value: Tensor) -> Tensor:
    """The three maps are concatenated finest first in mmsegmentation: another order of the channels behind that."""
    if not name.startswith("branches.") or value.dim() == 0:
        return value
    place = name.split(".")[2]
    if place == "0":  # depthwise, and its norm
        return value.unflatten(0, (3, -1)).flip(0).flatten(0, 1)
    if name.endswith("conv.weight"):  # 1x1 behind it
        return value.unflatten(1, (3, -1)).flip(1).flatten(1, 2)
    return value
