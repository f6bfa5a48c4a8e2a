"""Examine a folder of images and masks, and write a config to train on it.

segbox init my_data/              # reads every file, writes configs/my_data.py
segbox train configs/my_data.py

Recognised layouts: images/ and masks/ (or labels/, annotations/, gt/) with or without train/ and val/; train/images and
train/masks; the layout of VOC; NAME.jpg beside NAME_mask.png. The folder is not changed. Masks in colours, of 8 or 16
bits, are converted into DIR_ids after a question, or at once with --yes; lists, names and colours that lie beside the
data go with them.
Exit status: 0 ready to train, 1 config written but the data has problems, 2 wrong usage.
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
from segbox.outputs import atomic_file, claim, write_text

WITH_ADAM = ("segformer", "linear")  # transformers do not learn with plain SGD
COLOURS = "colour mask"  # the kind of problem that converting solves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a folder of images and masks")
    parser.add_argument("--out", metavar="FILE", help="the config to write (default: configs/NAME_OF_DIR.py)")
    parser.add_argument("--model", default="unet_r34", help="a file of configs/_base_/models (default: unet_r34)")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="class names in order of id (or DIR/classes.txt)")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the random split, if the folder has no train and val"
    )
    parser.add_argument(
        "--write-split", action="store_true", help="write the split into DIR/splits, not beside the config"
    )
    parser.add_argument("--yes", action="store_true", help="convert masks in colours into DIR_ids without asking")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing config")
    parser.add_argument("--workers", type=int, default=cores(), help="number of processes (default: one per core)")


def run(args: argparse.Namespace) -> None:
    source = Path(args.folder).expanduser()
    name = re.sub(r"\W+", "_", source.resolve().name).strip("_") or "my_data"
    out = Path(args.out) if args.out else Path("configs") / f"{name}.py"
    check_arguments(args, source, out)

    from segbox.class_weights import all_weights
    from segbox.doctor.starter_config import split_names, starter_config
    from segbox.doctor.text_report import check_text

    folder = inspect(source, args)
    if is_to_convert(folder, ids_folder(source), args.yes):
        convert(folder, ids_folder(source), args.workers)
        folder = inspect(ids_folder(source), args)
    refuse_without_ids(folder, source)
    first = next(iter(folder.report.splits.values()))
    print(check_text(folder.report, all_weights(first.pixels, first.pixels_where_present), closing=False))

    splits, lists = folder.splits, None
    if not folder.layout.has_split:
        every = splits["all"]
        names = split_names(folder.report.scans["all"], every, args.seed)
        splits, lists = write_split(every, names, folder.layout.root if args.write_split else None, out)
        print(f"\nSplit at random: {len(names['train'])} images to train on, {len(names['val'])} to validate.")
        print(
            "If images are neighbours in time or space, make the lists yourself: a random split makes scores too high."
        )
    bases = [f"models/{args.model}.py", f"schedules/{'adamw' if args.model in WITH_ADAM else 'sgd'}_poly.py"]
    paths, weights = [path_of_base(base, out) for base in bases], weights_of(args.model)
    text = starter_config(folder, splits, paths, f"segbox train {out}", lists, weights)
    with atomic_file(out) as part:
        part.write_text(text, encoding="utf-8")
    print_next_steps(folder, out)
    if folder.report.errors:
        raise SystemExit(1)


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


def weights_of(model: str) -> str | None:
    """The word and the licence of the pretrained weights for the backbone of a base; None if nobody publishes them."""
    import torch

    from segbox.config import load_config
    from segbox.registry import BACKBONES
    from segbox.weights.backbone import IMAGENET, word_for
    from segbox.weights.published import published

    config = load_config(shipped_configs() / "_base_" / "models" / f"{model}.py")
    try:
        with torch.device("meta"):
            word = word_for(BACKBONES.build(config.model.backbone), IMAGENET)
    except ConfigError:
        return None
    known = published(word)
    return f"{word} ({known.licence or 'no licence stated'})" if known else word


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
    if args.model not in models:
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


def write_split(every: dict, names: dict, source: Path | None, out: Path) -> tuple[dict, dict | None]:
    """Write the lists of names, in the folder or beside the config. Returns the data sets' arguments."""
    if source is not None:
        paths = {split: source / "splits" / f"{split}.txt" for split in names}
    else:
        paths = {split: out.with_name(f"{out.stem}_{split}.txt") for split in names}
    claim((path, f"the list {path}") for path in paths.values())
    for split, path in paths.items():
        write_text(path, "\n".join(names[split]) + "\n")
        print(f"Written: {path}")
    if source is not None:
        return {split: {**every, "split_file": f"splits/{split}.txt"} for split in names}, None
    return {split: dict(every) for split in names}, {split: path.name for split, path in paths.items()}
