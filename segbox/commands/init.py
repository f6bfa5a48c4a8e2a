"""Examine a folder of images and masks, and write a config to train on it that fits the data and this machine.

segbox init my_data/                          # reads every file, times some steps, writes configs/my_data.py
segbox init my_data/ --time 30m               # the best first model for half an hour of training here
segbox init my_data/ --time 2h --for accuracy # a heavier model; --for speed: a light one
segbox train configs/my_data.py

The model, its crops, batch and precision and the number of steps come from the images, the classes and steps that are
timed for half a minute; the config says why. Nothing is downloaded before the training.
Recognised layouts: images/ and masks/ (or labels/, annotations/, gt/) with or without train/ and val/; train/images and
train/masks; the layout of VOC; NAME.jpg beside NAME_mask.png. The folder is not changed. Masks in colours, of 8 or 16
bits, are converted into DIR_ids after a question, or at once with --yes; lists, names and colours that lie beside the
data go with them.
Exit status: 0 ready to train, 1 config written but the data has problems, 2 wrong usage or too little time.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segbox.config import SHIPPED, shipped_configs
from segbox.errors import ConfigError, DataError, did_you_mean
from segbox.machine import cores
from segbox.outputs import atomic_file, claim

COLOURS = "colour mask"  # the kind of problem that converting solves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a folder of images and masks")
    parser.add_argument("--out", metavar="FILE", help="the config to write (default: configs/NAME_OF_DIR.py)")
    parser.add_argument(
        "--time", metavar="TIME", help="how long training may take: 2h, 90m, 1h30m (default: at most 30m, 1h on a GPU)"
    )
    parser.add_argument(
        "--for",
        dest="purpose",
        choices=("speed", "balance", "accuracy"),
        default="balance",
        help="what the model is chosen for, if there is time to train it (balance)",
    )
    parser.add_argument("--model", help="a file of configs/_base_/models, in place of the model that fits")
    parser.add_argument(
        "--weights", default="imagenet", metavar="WORD", help="of the backbone: a file, a source, or none (imagenet)"
    )
    parser.add_argument("--mean", nargs="+", type=float, metavar="X", help="of the file's training images, with --std")
    parser.add_argument("--std", nargs="+", type=float, metavar="X")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="class names in order of id (or DIR/classes.txt)")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the random split, if the folder has no train and val"
    )
    parser.add_argument(
        "--write-split", action="store_true", help="write the split into DIR/splits, not beside the config"
    )
    parser.add_argument("--yes", action="store_true", help="convert masks in colours into DIR_ids without asking")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing config")
    parser.add_argument(
        "--no-measure", action="store_true", help="guess the time of steps (to train on another machine)"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... to measure on (default: the GPU if there is one)")
    parser.add_argument("--workers", type=int, default=cores(), help="number of processes (default: one per core)")


def run(args: argparse.Namespace) -> None:
    source = Path(args.folder).expanduser()
    name = re.sub(r"\W+", "_", source.resolve().name).strip("_") or "my_data"
    out = Path(args.out) if args.out else Path("configs") / f"{name}.py"
    check_arguments(args, source, out)

    from segbox.engine.time_budget import seconds_of
    from segbox.starter.first_config import Wishes, device_to_measure
    from segbox.starter.start import start_of

    budget = None if args.time is None else seconds_of(args.time)
    start = start_of(args.weights, args.mean, args.std)
    device = device_to_measure(args.device)
    wishes = Wishes(budget, args.purpose, args.model, start, device, not args.no_measure)
    folder = inspect(source, args)
    if is_to_convert(folder, ids_folder(source), args.yes):
        convert(folder, ids_folder(source), args.workers)
        folder = inspect(ids_folder(source), args)
    refuse_without_ids(folder, source)
    print_check(folder)
    write_config(folder, out, wishes, args)
    print_next_steps(folder, out)
    if folder.report.errors:
        raise SystemExit(1)


def print_check(folder: Any) -> None:
    from segbox.class_weights import all_weights
    from segbox.doctor.text_report import check_text

    first = next(iter(folder.report.splits.values()))
    print(check_text(folder.report, all_weights(first.pixels, first.pixels_where_present), closing=False))


def write_config(folder: Any, out: Path, wishes: Any, args: argparse.Namespace) -> None:
    """Choose, then write the lists of a random split and the config: nothing is written if no choice fits."""
    from dataclasses import replace

    from segbox.starter.config_text import Parts
    from segbox.starter.fingerprint import fingerprint
    from segbox.starter.first_config import first_config
    from segbox.starter.split import arguments_of, list_paths, split_names, write_lists

    names, paths = {}, {}
    parts = Parts(folder, fingerprint(folder), folder.splits, wishes.start)
    if not folder.layout.has_split:
        every = folder.splits["all"]
        names = split_names(folder.report.scans["all"], every, args.seed)
        paths = list_paths(names, folder.layout.root if args.write_split else None, out)
        claim((path, f"the list {path}") for path in paths.values())
        facts = replace(parts.facts, train_images=len(names["train"]), val_images=len(names["val"]))
        lists = None if args.write_split else {split: path.name for split, path in paths.items()}
        parts = replace(parts, facts=facts, splits=arguments_of(every, names, args.write_split), lists=lists)
    commands = [command_line(args), f"segbox train {out}"]
    text, summary = first_config(parts, names, wishes, lambda base: path_of_base(base, out), commands)
    if names:
        print(f"\nSplit at random: {len(names['train'])} images to train on, {len(names['val'])} to validate.")
        print(
            "If images are neighbours in time or space, make the lists yourself: a random split makes scores too high."
        )
        write_lists(names, paths)
        print("\n".join(f"Written: {path}" for path in paths.values()))
    with atomic_file(out) as part:
        part.write_text(text, encoding="utf-8")
    print(f"\n{summary}")


def command_line(args: argparse.Namespace) -> str:
    """The command with the options that a choice depends on."""
    options = {"--time": args.time, "--for": args.purpose, "--model": args.model, "--weights": args.weights}
    words = [word for option, value in options.items() if value is not None for word in (option, value)]
    return shlex.join(["segbox", "init", args.folder, *words])


def inspect(source: Path, args: argparse.Namespace) -> Any:
    from segbox.doctor.inspect_folder import inspect_folder

    show, clear = progress("images and masks")
    folder = inspect_folder(str(source.resolve()), args.classes, args.workers, show)
    clear()
    return folder


def progress(what: str) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    """A function that shows the progress, and one that removes it from the terminal."""
    from segbox.progress import ProgressBar

    bar = ProgressBar(1)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.show(done, what)

    return show, bar.clear


def ids_folder(source: Path) -> Path:
    """Where converted masks go: beside the folder."""
    whole = source.resolve()
    return whole.with_name(f"{whole.name}_ids") if whole.name else whole / "ids"


def is_to_convert(folder: Any, target: Path, yes: bool) -> bool:
    """Whether masks are in colours that can be converted, and the user agrees: by --yes, or asked on a terminal."""
    from segbox.doctor.colour_folder import can_convert

    if not can_convert(folder):
        return False
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return yes
    print(f"The masks hold colours, not ids of classes. They can be converted into {target}; no file here changes.")
    try:
        return input("Convert them and go on? [y/n] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def convert(folder: Any, target: Path, workers: int) -> None:
    from segbox.convert.plan import WorkerPool
    from segbox.convert.run import problems_text, summary_text
    from segbox.convert.run import run as run_plan
    from segbox.doctor.colour_folder import plan_conversion

    for problem in folder.report.errors:
        if problem.kind != COLOURS:
            print(f"Note: {problem.message}. {problem.advice}")
    show, clear = progress("files")
    pool = WorkerPool(max(0, workers), show)
    plan = plan_conversion(folder, target, pool)
    summary = run_plan(plan, pool, exif=folder.exif)
    clear()
    print(summary_text(plan, summary), end="\n\n")
    if summary.problems:
        raise DataError(problems_text(summary.problems, len(plan.items)))


def print_next_steps(folder: Any, out: Path) -> None:
    for remark in folder.remarks:
        print(f"Note: {remark}.")
    print(f"\nWritten: {out}. Next:\n  segbox browse {out}    # look at what the model will see")
    print(f"  segbox train {out}")
    if folder.report.errors:
        print(f"\nBut first solve the problems above; `segbox check {out}` checks again.")


def path_of_base(base: str, out: Path) -> str:
    """The path of a base for `_base_`: relative inside the folder of shipped configs, with segbox:: elsewhere."""
    configs = shipped_configs()
    if configs not in out.resolve().parents:
        return f"{SHIPPED}_base_/{base}"
    return Path(os.path.relpath(configs / "_base_" / base, out.resolve().parent)).as_posix()


def check_arguments(args: argparse.Namespace, source: Path, out: Path) -> None:
    if not source.is_dir():
        raise DataError(f"there is no folder {source.absolute()}")
    models = sorted(path.stem for path in (shipped_configs() / "_base_" / "models").glob("*.py"))
    if args.model is not None and args.model not in models:
        raise ConfigError(
            f"--model {args.model}: there is no such model.{did_you_mean(args.model, models)}"
            f" Known: {', '.join(models)}"
        )
    if out.suffix != ".py":
        raise ConfigError(f"--out {out}: a config is a Python file; give it a name that ends with .py")
    if out.exists() and not args.overwrite:
        raise ConfigError(f"{out} already exists; --overwrite replaces it, --out writes another")
    claim([], folders=[out.parent])


def refuse_without_ids(folder: Any, source: Path) -> None:
    """Raise DataError if no mask holds class ids: all are coloured, JPEG or broken."""
    from segbox.doctor.colour_folder import can_convert

    is_jpeg = any(problem.kind == "JPEG mask" for problem in folder.report.problems)
    masks = [pair.mask for found in folder.report.scans.values() for pair in found.pairs]
    if any(mask.kind == "ids" for mask in masks) and not is_jpeg:
        return
    problems = [f"{problem.message}. {problem.advice}" for problem in folder.report.errors]
    if can_convert(folder):
        problems.append(f"`{shlex.join(['segbox', 'init', str(source), '--yes'])}` converts them and writes the config")
    raise DataError("\n  ".join(["no mask holds class ids, so no config was written:", *problems]))
