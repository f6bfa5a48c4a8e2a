"""Convert published data sets and exports of labelling tools to masks of class ids.

segbox convert labelme my_json/ data/mine               # -> images/, annotations/, classes.txt
segbox convert coco data/coco data/coco_voc             # the 21 classes of VOC
segbox convert rgb SRC DST --palette "road:128,64,128" "sky:70,130,180"
segbox convert NAME --help                              # the expected folder, and its options

Masks hold one byte per pixel: the class id, or 255 for ignored pixels. Complete files are not written again, so an
interrupted conversion continues when it is started again. Images are linked, or copied with --copy.
Exit status: 0 all files converted, 2 some could not be converted.
"""

import argparse
import importlib
import os
import textwrap
from pathlib import Path

from segbox.errors import DataError
from segbox.machine import cores

OWN = ("name", "source", "target", "workers", "copy", "overwrite", "exif")
STORED = "annotations are of the stored pixels, without the EXIF rotation; then set exif=False in the data set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from segbox.convert.formats import COMMANDS

    raw = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n\n".join(f"{name}: {command.summary}\n{tree(command)}" for name, command in COMMANDS.items())
    kinds = parser.add_subparsers(
        dest="name", metavar="NAME", required=True, title="the format of SRC (described below)"
    )
    for name, command in COMMANDS.items():
        text = f"{command.summary[0].upper()}{command.summary[1:]}.\n\n{tree(command)}"
        kind = kinds.add_parser(name, description=text, formatter_class=raw)
        kind.add_argument("source", type=Path, metavar="SRC", help="the folder as it was downloaded or exported")
        kind.add_argument("target", type=Path, metavar="DST", help="the folder to write to")
        for flag, settings in command.options:
            kind.add_argument(flag, **settings)
        kind.add_argument("--workers", type=int, default=cores(), help="number of processes (default: one per core)")
        kind.add_argument("--copy", action="store_true", help="copy the images instead of linking to them")
        kind.add_argument("--no-exif", dest="exif", action="store_false", help=STORED)
        kind.add_argument("--overwrite", action="store_true", help="replace existing masks")


def tree(command: object) -> str:
    return textwrap.indent(textwrap.dedent(command.tree).strip(), "  ")


def run(args: argparse.Namespace) -> None:
    options = {name: value for name, value in vars(args).items() if name not in OWN}

    from segbox.convert.formats import COMMANDS
    from segbox.convert.plan import WorkerPool
    from segbox.convert.run import problems_text, summary_text
    from segbox.convert.run import run as convert
    from segbox.progress import ProgressBar

    bar = ProgressBar(1)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.show(done, "files")

    pool = WorkerPool(max(0, args.workers), show)
    module, function = (COMMANDS[args.name].function or f"{args.name}.plan").split(".")
    make_plan = getattr(importlib.import_module(f"segbox.convert.{module}"), function)
    source, target = (Path(os.path.normpath(path.expanduser())) for path in (args.source, args.target))
    plan = make_plan(source, target, pool, **options)
    summary = convert(plan, pool, args.copy, args.overwrite, args.exif)
    bar.clear()
    print(summary_text(plan, summary))
    if summary.problems:
        raise DataError(problems_text(summary.problems, len(plan.items)))
