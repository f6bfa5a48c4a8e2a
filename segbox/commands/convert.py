#!/usr/bin/env python3
"""Make masks of class ids from what others publish or draw.

tools/convert_dataset.py labelme my_json/ data/mine               # -> images/, annotations/, classes.txt
tools/convert_dataset.py coco data/coco data/coco_voc             # the 21 classes of VOC
tools/convert_dataset.py rgb SRC DST --palette "road:128,64,128" "sky:70,130,180"
tools/convert_dataset.py NAME --help                              # what is expected, and its options

Masks hold one byte per pixel: the id of the class, 255 where nothing is to be learnt. A file that is whole is not made
again, so an interrupted conversion goes on when started again. Images are linked, not copied (--copy).
Exit status: 0 all converted, 2 something was wrong.
"""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports ends the tool without a stack trace

import argparse
import importlib
import os
import textwrap
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where segbox is, installed or not

from segbox.ending import ends_with_a_message
from segbox.errors import DataError
from segbox.machine import cores

OWN = ("name", "source", "target", "workers", "copy", "overwrite", "exif")
STORED = "the annotations lie on the stored pixels, not on what viewers show; then exif=False in the data set"


def parse() -> argparse.Namespace:
    from segbox.convert.formats import COMMANDS

    raw = argparse.RawDescriptionHelpFormatter
    trees = [f"{name}: {command.summary}\n{tree(command)}" for name, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(description=__doc__, epilog="\n\n".join(trees), formatter_class=raw)
    kinds = parser.add_subparsers(dest="name", metavar="NAME", required=True, title="what SRC is (all are below)")
    for name, command in COMMANDS.items():
        text = f"{command.summary[0].upper()}{command.summary[1:]}.\n\n{tree(command)}"
        kind = kinds.add_parser(name, description=text, formatter_class=raw)
        kind.add_argument("source", type=Path, metavar="SRC", help="the folder as it was downloaded or exported")
        kind.add_argument("target", type=Path, metavar="DST", help="the folder to write to")
        for flag, settings in command.options:
            kind.add_argument(flag, **settings)
        kind.add_argument("--workers", type=int, default=cores(), help="processes (default: one per core)")
        kind.add_argument("--copy", action="store_true", help="copy the images, do not link to them")
        kind.add_argument("--no-exif", dest="exif", action="store_false", help=STORED)
        kind.add_argument("--overwrite", action="store_true", help="make masks again that are there already")
    return parser.parse_args()


def tree(command: object) -> str:
    return textwrap.indent(textwrap.dedent(command.tree).strip(), "  ")


def main() -> None:
    args = parse()
    options = {name: value for name, value in vars(args).items() if name not in OWN}

    from segbox.convert.formats import COMMANDS
    from segbox.convert.plan import Crew
    from segbox.convert.run import problems_text, run, summary_text
    from segbox.progress import ProgressBar

    bar = ProgressBar(1)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.show(done, "files")

    crew = Crew(max(0, args.workers), show)
    module, function = (COMMANDS[args.name].function or f"{args.name}.plan").split(".")
    make_plan = getattr(importlib.import_module(f"segbox.convert.{module}"), function)
    source, target = (Path(os.path.normpath(path.expanduser())) for path in (args.source, args.target))
    plan = make_plan(source, target, crew, **options)
    summary = run(plan, crew, args.copy, args.overwrite, args.exif)
    bar.clear()
    print(summary_text(plan, summary))
    if summary.problems:
        raise DataError(problems_text(summary.problems, len(plan.items)))


if __name__ == "__main__":
    with ends_with_a_message():
        main()
