"""Print a config after inheritance, references and overrides.

segbox config configs/pspnet/pspnet_r50_ade20k.py --origin --cfg-options data.batch_size=8
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", help="a config file")
    parser.add_argument("--origin", action="store_true", help="print a line per value, with the file that set it")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def run(args: argparse.Namespace) -> None:

    from segbox.config import format_config, load_with_origins

    config, origins = load_with_origins(args.config, args.cfg_options)
    if not args.origin:
        print(format_config(config), end="")
        return
    lines = []
    for way in sorted(origins, key=lambda way: [(0, int(s), "") if s.isdigit() else (1, 0, s) for s in way]):
        value = config
        for step in way:
            value = (
                value[int(step)]
                if isinstance(value, list | tuple)
                else next(v for k, v in value.items() if str(k) == step)
            )
        text = repr(value)
        lines.append((f"{'.'.join(way)} = {text if len(text) < 80 else text[:77] + '...'}", origins[way]))
    width = min(90, max(len(left) for left, _ in lines))
    for left, origin in lines:
        print(f"{left:<{width}}  # {origin}")
