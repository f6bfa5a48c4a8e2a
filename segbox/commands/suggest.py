"""Suggest which pictures to label next: those that the model is unsure of, and that are unlike each other.

segbox suggest work_dirs/NAME/best.pt unlabelled/ --count 20
segbox suggest CHECKPOINT unlabelled/ --out next.txt --html next.html
segbox suggest CONFIG CHECKPOINT unlabelled/ --out next.csv           # by another config than its own

The first picture is the one that the model is most unsure of. Each next one is unsure and far from those before it, as
the model's backbone sees it: of pictures that look nearly the same, at most one is suggested. The list is the same in
each call. --out FILE.txt has the names, one a line; FILE.csv and FILE.json also have the numbers and the reasons.

Exit status: 0 all pictures were looked at, 2 some or none.
"""

import argparse
from pathlib import Path

from segbox.commands import output
from segbox.config import load_config
from segbox.errors import ConfigError, DataError, printable
from segbox.outputs import claim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="a config file (default: the config that the checkpoint holds)")
    parser.add_argument("checkpoint", help="a checkpoint that segbox train wrote, or a published folder")
    parser.add_argument("source", help="a folder of pictures, or a glob in quotes")
    parser.add_argument("--count", type=int, default=20, metavar="N", help="number of pictures (default: 20)")
    parser.add_argument("--out", metavar="FILE", help="write the list: FILE.txt, FILE.csv or FILE.json")
    parser.add_argument("--html", metavar="FILE", help="write a page with the pictures, in one file")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def run(args: argparse.Namespace) -> None:
    if args.count < 1:
        raise ConfigError(f"--count {args.count}: expected 1 or more")
    config = None if args.config is None else load_config(args.config, args.cfg_options)

    from segbox.commands.predict import open_predictor
    from segbox.engine.config_check import check_config
    from segbox.engine.logs import start_logging
    from segbox.progress import ProgressBar
    from segbox.review.suggestions import as_text, check_format, suggest
    from segbox.review.suggestions_page import suggestions_page
    from segbox.viz.sources import find_sources

    start_logging()
    if config is not None:
        check_config(config)  # its mistakes are told before a file is read or downloaded
    if args.out:
        check_format(args.out)
    images, video = find_sources(args.source)
    if video is not None:
        raise DataError(f"{video}: is a video; name a folder of pictures")
    claim(((Path(file), option) for option, file in (("--out", args.out), ("--html", args.html)) if file), images)
    predictor = open_predictor(args.checkpoint, config, args.cfg_options, args.device)
    bar = ProgressBar(len(images))
    suggestions, failures = suggest(predictor, images, args.count, bar.show)
    bar.clear()
    for number, own in enumerate(suggestions, 1):
        print(printable(f"{number:>3}. {own.path}: {own.reason(predictor.classes)}"))
    if len(suggestions) < min(args.count, len(images) - len(failures)):
        print(f"No more than {len(suggestions)}: the model is certain of all others, or they look like one of these")
    if args.out:
        output.write(args.out, as_text(suggestions, predictor.classes, Path(args.out).suffix))
    if args.html:
        output.write(args.html, suggestions_page(f"{args.source}: to label next", suggestions, len(images), predictor))
    if failures:
        count = f"{len(failures)} of {len(images)} pictures could not be read (all others were looked at):"
        raise DataError("\n  ".join([count, *failures]))
