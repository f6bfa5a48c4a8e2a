"""HRNet. Its heads concatenate all four maps, which is what our backbone gives."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, converts, same

# variant: blocks of the first stage, channels of the finest branch, blocks of a branch, modules of the other stages
VARIANTS = {
    "18-small": (2, 18, 2, (1, 3, 2)),
    "18": (4, 18, 4, (1, 4, 3)),
    "32": (4, 32, 4, (1, 4, 3)),
    "48": (4, 48, 4, (1, 4, 3)),
}


@converts("HRNet")
def convert_hrnet(args: Arguments, maps: Maps) -> Part:
    args.expect("in_channels", 3)
    args.expect("multiscale_output", True)
    given = args.take("extra")
    variant = next((name for name in VARIANTS if same(given, extra(*VARIANTS[name]))), None)
    if variant is None:
        raise ConfigError(f"{args.path}.extra: segbox has HRNet-{', -'.join(VARIANTS)}; this is another one")
    config = {"type": "HRNet", "variant": variant, "by_factor": True}
    return Part(config, dict, levels={(0, 1, 2, 3): -1})  # our names are theirs


def extra(bottlenecks: int, width: int, blocks: int, modules: tuple[int, ...]) -> dict[str, dict]:
    """mmsegmentation's description of a variant."""
    first = {"num_modules": 1, "num_branches": 1, "block": "BOTTLENECK", "num_blocks": (bottlenecks,)}
    stages = {"stage1": {**first, "num_channels": (64,)}}
    for i, count in enumerate(modules, 2):
        stages[f"stage{i}"] = {
            "num_modules": count,
            "num_branches": i,
            "block": "BASIC",
            "num_blocks": (blocks,) * i,
            "num_channels": tuple(width * 2**branch for branch in range(i)),
        }
    return stages
