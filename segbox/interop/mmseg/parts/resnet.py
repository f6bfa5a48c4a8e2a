"""ResNet, V1c and V1d."""

from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, converts, same

STEMS = {"ResNet": "plain", "ResNetV1c": "C", "ResNetV1d": "D"}
STRIDES = {32: (1, 2, 2, 2), 16: (1, 2, 2, 1), 8: (1, 2, 1, 1)}  # output_stride -> strides of the stages
DILATIONS = {32: (1, 1, 1, 1), 16: (1, 1, 1, 2), 8: (1, 1, 2, 4)}  # what our backbone has without being told
BASIC_BLOCKS = (18, 34)


@converts(*STEMS)
def convert_resnet(args: Arguments, maps: Maps) -> Part:
    depth = args.take("depth")
    args.expect("in_channels", 3)
    args.expect("stem_channels", 64)
    args.expect("base_channels", 64)
    args.expect("num_stages", 4)
    args.expect("style", "pytorch")
    args.expect("dcn", None)
    args.expect("plugins", None)
    args.skip("stage_with_dcn")
    config = {"type": "ResNet", "variant": str(depth), "stem": stem_of(args), **strides_and_dilations(args)}
    if depth in BASIC_BLOCKS:
        config["dilate_second"] = False
    indices = args.take("out_indices", (0, 1, 2, 3))
    levels = {i: stage - 4 for i, stage in enumerate(indices)}
    return Part(config, dict, levels=levels)  # our names are theirs


def stem_of(args: Arguments) -> str:
    own = STEMS[args.values["type"]]
    if own == "plain" and args.take("deep_stem", False):
        own = "C"
    if own == "C" and args.take("avg_down", False):
        own = "D"
    args.expect("avg_down", False)
    return own


def strides_and_dilations(args: Arguments) -> dict[str, Any]:
    strides = args.take("strides", (1, 2, 2, 2))
    dilations = tuple(args.take("dilations", (1, 1, 1, 1)))
    stride = next((own for own, plan in STRIDES.items() if same(strides, plan)), None)
    if stride is None:
        raise ConfigError(f"{args.path}.strides: segbox has no ResNet with strides {tuple(strides)}")
    if not args.take("contract_dilation", False) and max(dilations) > 1:
        raise ConfigError(f"{args.path}.contract_dilation: in segbox the first block of a stage has half its dilation")
    found: dict[str, Any] = {"output_stride": stride}
    if dilations != DILATIONS[stride]:
        found["dilations"] = dilations
    if (grid := args.take("multi_grid", None)) is not None:
        found["multi_grid"] = tuple(grid)
    return found
