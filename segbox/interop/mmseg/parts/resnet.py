"""ResNet, V1c and V1d."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, converts, same

STEMS = {"ResNet": "plain", "ResNetV1c": "C", "ResNetV1d": "D"}
# strides and dilations of the stages -> output_stride
PLANS = {
    32: ((1, 2, 2, 2), (1, 1, 1, 1)),
    16: ((1, 2, 2, 1), (1, 1, 1, 2)),
    8: ((1, 2, 1, 1), (1, 1, 2, 4)),
}
BOTTLENECKS = (50, 101, 152)


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
    args.expect("multi_grid", None)
    args.skip("stage_with_dcn")
    stem = stem_of(args)
    config = {"type": "ResNet", "variant": str(depth), "stem": stem, "output_stride": output_stride(args, depth)}
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


def output_stride(args: Arguments, depth: int) -> int:
    strides = args.take("strides", (1, 2, 2, 2))
    dilations = args.take("dilations", (1, 1, 1, 1))
    contracts = args.take("contract_dilation", False)
    for stride, plan in PLANS.items():
        if same((strides, dilations), plan) and (stride == 32 or (contracts and depth in BOTTLENECKS)):
            return stride
    raise ConfigError(
        f"{args.path}: segbox has no ResNet-{depth} with strides {tuple(strides)}, dilations {tuple(dilations)} and"
        f" contract_dilation={contracts}"
    )
