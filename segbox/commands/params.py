"""Count the parameters and FLOPs of a model, without its weights, data or a GPU.

segbox params configs/pspnet/pspnet_r50_ade20k.py --size 512 512
segbox params                        # nine classic backbones x five models
segbox params --grid --markdown      # every backbone x every head

One multiply-add counts as 2 FLOPs; many papers count it as one.
"""

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from segbox.errors import ConfigError

if TYPE_CHECKING:
    from segbox.models.complexity import Cost

MODELS = {
    "FCN": {"type": "FCN16sHead"},
    "U-Net": {"type": "UNetHead"},
    "PSPNet": {"type": "PSPHead"},
    "DeepLabV3+": {"type": "DeepLabV3PlusHead"},
    "GCN": {"type": "GCNHead"},
}
SE_MODELS = {**MODELS, "U-Net": {"type": "UNetHead", "se": True}}
SEED_TABLE = {
    "vgg16": ({"type": "VGG", "variant": "16"}, MODELS),
    "vgg19": ({"type": "VGG", "variant": "19"}, MODELS),
    "mobilenet_v1": ({"type": "MobileNetV1"}, MODELS),
    "mobilenet_v2": ({"type": "MobileNetV2", "has_last_conv": True, "expands_first": True}, MODELS),
    "resnet34": ({"type": "ResNet", "variant": "34"}, MODELS),
    "resnet50": ({"type": "ResNet", "variant": "50", "stem": "D"}, MODELS),
    "se_resnet34": ({"type": "ResNet", "variant": "se34"}, SE_MODELS),
    "se_resnet50": ({"type": "ResNet", "variant": "se50", "stem": "D"}, SE_MODELS),
    "xception": ({"type": "Xception", "variant": "65"}, MODELS),
}
GRID_NETWORKS = {"Timm": ("convnext_tiny", "vit_small_patch16_lingbot")}  # the other backbones have a default network
GRID_SIZE = (512, 512)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="a config file; without one, a table of models is printed")
    parser.add_argument(
        "--size", nargs=2, type=int, default=GRID_SIZE, metavar=("H", "W"), help="size of the image (512 512)"
    )
    parser.add_argument(
        "--num-classes", type=int, metavar="N", help="default: that of the config's data set; 21 for tables"
    )
    parser.add_argument("--grid", action="store_true", help="every backbone with every head: parameters and GFLOPs")
    parser.add_argument("--markdown", action="store_true", help="print tables as Markdown")
    parser.add_argument("--json", action="store_true", help="print exact numbers as JSON")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def check_arguments(args: argparse.Namespace) -> None:
    if args.config is None and args.cfg_options:
        raise ConfigError("--cfg-options needs a config to override")
    if args.config is not None and args.grid:
        raise ConfigError("--grid takes no config: its table has all registered parts")
    if min(args.size) < 1 or (args.num_classes is not None and args.num_classes < 1):
        raise ConfigError("--size and --num-classes are 1 or more")


def run(args: argparse.Namespace) -> None:
    check_arguments(args)
    if args.config is not None:
        rows, numbers = describe_config(args)
    elif args.grid:
        rows, numbers = describe_grid(args.num_classes or 21, tuple(args.size))
    else:
        rows, numbers = describe_seed_table(args.num_classes or 21)
    if args.json:
        print(json.dumps(numbers, indent=1))
        return
    print(as_markdown(rows) if args.markdown else as_terminal_table(rows))
    print(footnote(args))


def describe_config(args: argparse.Namespace) -> tuple[list[list[str]], dict[str, Any]]:
    from segbox.config import load_config

    config = load_config(args.config, args.cfg_options)

    from segbox.engine.config_check import check_config
    from segbox.models.complexity import build_without_data, costs_of

    check_config(config, "model")
    model = build_without_data(config.model, number_of_classes(config, args.num_classes))
    costs = costs_of(model, tuple(args.size))
    rows = [["part", "parameters", "GFLOPs"]]
    rows += [[part, f"{cost.parameters:,}", f"{cost.flops / 1e9:,.2f}"] for part, cost in costs.items()]
    return rows, {part: {"parameters": cost.parameters, "flops": cost.flops} for part, cost in costs.items()}


def number_of_classes(config: Mapping, asked: int | None) -> int | None:
    """--num-classes, or the number of the data set; None if the model config has it."""
    if asked is not None or "num_classes" in config["model"]:
        return asked
    from segbox.data.loader import classes_without_files

    data = config.get("data", {})
    classes = classes_without_files(data.get("train") or data.get("val"))
    if classes is None:
        raise ConfigError("the number of classes is not in the config; give --num-classes N")
    return len(classes)


def describe_seed_table(num_classes: int) -> tuple[list[list[str]], dict[str, Any]]:
    from segbox.models.complexity import cost_grid

    grid = cost_grid(SEED_TABLE, num_classes)
    rows = [["parameters", *MODELS]]
    rows += [[name, *(f"{cost.parameters / 1e6:.2f}M" for cost in costs.values())] for name, costs in grid.items()]
    return rows, {name: {model: c.parameters for model, c in costs.items()} for name, costs in grid.items()}


def describe_grid(num_classes: int, size: tuple[int, int]) -> tuple[list[list[str]], dict[str, Any]]:
    from segbox.models.complexity import cost_grid
    from segbox.registry import HEADS

    heads = {name: {"type": name} for name in HEADS if not HEADS[name].reads_tokens}  # the others fit one kind
    grid = cost_grid({name: (config, heads) for name, config in grid_backbones().items()}, num_classes, size)
    table = [["M parameters / GFLOPs", *grid], *([head, *(cell(grid[name][head]) for name in grid)] for head in heads)]
    numbers = {
        name: {head: c and {"parameters": c.parameters, "flops": c.flops} for head, c in costs.items()}
        for name, costs in grid.items()
    }
    return table, numbers


def grid_backbones() -> dict[str, dict[str, str]]:
    """The configs of all backbones, by their names in tables."""
    from segbox.registry import BACKBONES

    networks = {name: [{}] for name in BACKBONES} | {
        name: [{"name": network} for network in known] for name, known in GRID_NETWORKS.items() if name in BACKBONES
    }
    return {
        " ".join([name, *arguments.values()]): {"type": name, **arguments}
        for name, given in networks.items()
        for arguments in given
    }


def cell(cost: "Cost | None") -> str:
    return "-" if cost is None else f"{cost.parameters / 1e6:.1f} / {cost.flops / 1e9:.1f}"


def footnote(args: argparse.Namespace) -> str:
    if args.config is None and not args.grid:
        return f"at {args.num_classes or 21} classes"
    height, width = args.size
    parts = "; auxiliary heads are used in training only, so the total FLOPs exclude them" if args.config else ""
    classes = "" if args.config else f" and {args.num_classes or 21} classes"
    return f"one image of {height} x {width}{classes}; 1 multiply-add = 2 FLOPs{parts}"


def as_terminal_table(rows: list[list[str]]) -> str:
    from terminaltables import AsciiTable

    table = AsciiTable(rows)
    table.justify_columns = dict.fromkeys(range(1, len(rows[0])), "right")
    return table.table


def as_markdown(rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])
