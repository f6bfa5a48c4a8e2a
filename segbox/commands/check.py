"""Check a data set before training: read every file once, and report all problems at once.

segbox check configs/linknet/linknet_r18_camvid.py    # its data.train and data.val
segbox check my_data/                                 # a folder of images and masks
segbox check CONFIG --html report.html                # a page with pictures
segbox check CONFIG --with work_dirs/NAME/best.pt     # where a confident model contradicts the labels
segbox check CONFIG --folds 5 --time 1h               # the same, each image by a model that has not seen it

--with and --folds list places, the most suspicious first: likely wrong classes, missing objects, objects that are not
there, wrong borders, classes that have changed places. Not every place is an error: look at them (--html), and correct
the labels that are wrong.

Exit status: 0 no problems, 1 problems found, 2 wrong usage.
"""

import argparse
import json
from pathlib import Path

from segbox.commands import check_labels, output
from segbox.errors import ConfigError
from segbox.machine import cores
from segbox.outputs import claim

SPLITS = ("train", "val")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="CONFIG|DIR", help="a config file, or a folder of images and masks")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="class names in order of id, for a folder")
    parser.add_argument("--json", metavar="FILE", help="write all findings as JSON, with all file names")
    parser.add_argument("--html", metavar="FILE", help="write a page with pictures, in one file")
    parser.add_argument("--workers", type=int, default=cores(), help="number of processes (default: one per core)")
    model = parser.add_argument_group("the labels against a model")
    model.add_argument("--with", dest="checkpoint", metavar="CHECKPOINT", help="the trained model that judges")
    model.add_argument("--folds", type=int, metavar="K", help="train K models, each without the images that it judges")
    model.add_argument("--time", metavar="TIME", help="train all models of --folds in 2h, 90m, 45s or 1h30m")
    model.add_argument("--split", choices=SPLITS, help="data.train (default) or data.val")
    model.add_argument("--top", type=int, metavar="N", help="places that are shown (50); --json lists all")
    model.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def run(args: argparse.Namespace) -> None:
    claim((Path(file), option) for option, file in (("--json", args.json), ("--html", args.html)) if file)
    is_folder = Path(args.source).is_dir()
    if is_folder and args.cfg_options:
        raise ConfigError("--cfg-options overrides a config; this is a folder")
    if args.checkpoint is None and args.folds is None:
        refuse_model_options(args)
        check_files(args, is_folder)
    elif is_folder:
        raise ConfigError("--with and --folds need a config that names the data; segbox init DIR writes one")
    else:
        check_labels.run(args)


def check_files(args: argparse.Namespace, is_folder: bool) -> None:
    """Read every image and every mask, and print and write what is wrong with them."""
    configs, model = (None, None) if is_folder else from_config(args)

    from segbox.class_weights import all_weights
    from segbox.doctor.check import check_datasets
    from segbox.doctor.html_report import check_page
    from segbox.doctor.inspect_folder import check_folder
    from segbox.doctor.report import as_json
    from segbox.doctor.text_report import check_text
    from segbox.progress import ProgressBar

    bar = ProgressBar(1)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.show(done, "images and masks")

    if configs is None:
        report = check_folder(args.source, args.classes, args.workers, show)
    else:
        report = check_datasets(args.source, configs, args.workers, show, model)
    bar.clear()
    first = next(iter(report.splits.values()), None)
    weights = {} if first is None else all_weights(first.pixels, first.pixels_where_present)
    print(check_text(report, weights))
    if args.json:
        output.write(args.json, json.dumps(as_json(report, weights), indent=1))
    if args.html:
        output.write(args.html, check_page(report, weights))
    raise SystemExit(1 if report.errors else 0)


def refuse_model_options(args: argparse.Namespace) -> None:
    """Options that have no effect without a model."""
    if any(value is not None for value in (args.split, args.top, args.time, args.device)):
        raise ConfigError("--split, --top, --time and --device belong to --with CHECKPOINT or --folds K; give one")


def from_config(args: argparse.Namespace) -> tuple[dict[str, dict], dict | None]:
    """The data sets of a config, and its model if there is one."""
    from segbox.config import load_config

    config = load_config(args.source, args.cfg_options)

    from segbox.engine.config_check import check_config

    check_config(config, "data")
    data = config["data"]
    configs = {split: data[split] for split in SPLITS if data.get(split) is not None}
    if not configs:
        raise ConfigError(f"{args.source}: has neither data.train nor data.val to check")
    return configs, config.get("model")
