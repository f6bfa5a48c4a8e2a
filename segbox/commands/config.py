#!/usr/bin/env python3
"""Print a config as it is after inheritance, references and overrides.

tools/show_config.py configs/pspnet/pspnet_r50_ade20k.py --origin --cfg-options data.batch_size=8
"""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports ends the tool without a stack trace

import argparse
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where segbox is, installed or not

from segbox.ending import ends_with_a_message


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="a config file")
    parser.add_argument("--origin", action="store_true", help="a line per value, with the file that set it")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")
    return parser.parse_args()


def main() -> None:
    args = parse()

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


if __name__ == "__main__":
    with ends_with_a_message():
        main()
