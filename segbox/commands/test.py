"""Score a checkpoint on the validation set of a config, at the labels' own size.

segbox test work_dirs/NAME/best.pt                              # by the config that the checkpoint holds
segbox test CONFIG work_dirs/NAME/best.pt --eval mIoU mFscore mBIoU
segbox test CONFIG torchvision://fcn_resnet50                   # a published model on the data of CONFIG
segbox test CONFIG CHECKPOINT --mode slide --scales 0.75 1 1.25 --flip --show-dir pictures --worst 20 --out scores/
segbox test CONFIG CHECKPOINT --mode val --crop-size 480        # score a centre crop
segbox test CONFIG CHECKPOINT --submit predictions              # for the data set's official server
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segbox.commands import precision
from segbox.config import load_config
from segbox.errors import ConfigError, DataError
from segbox.launch import launch

logger = logging.getLogger("segbox")
SCORES = ("mIoU", "mDice", "mFscore", "mBIoU", "imageIoU", "ECE")
MODES = {"val": "crop", "testval": "whole"}  # other names of the modes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="a config file (default: the config that the checkpoint holds)")
    parser.add_argument(
        "checkpoint", help="a checkpoint, a file of weights, a published folder, or the name of a published model"
    )
    parser.add_argument(
        "--eval",
        nargs="+",
        default=["mIoU"],
        choices=SCORES,
        help="the scores to print: IoU, Dice, F-score with precision and recall; boundary IoU, mean IoU per image,"
        " calibration error (these three cost extra time)",
    )
    parser.add_argument(
        "--mode",
        choices=("whole", "slide", "crop", *MODES),
        help="whole image (also called testval), sliding window, or a centre crop (also called val);"
        " default: as the config says",
    )
    parser.add_argument(
        "--crop-size",
        nargs="+",
        type=int,
        metavar="N",
        help="size of the window or crop: one number, or height and width",
    )
    parser.add_argument(
        "--base-size", type=int, metavar="N", help="with --scales: length of the longer side at scale 1"
    )
    parser.add_argument("--scales", nargs="+", type=float, metavar="S", help="average over these scales of the image")
    parser.add_argument("--flip", action="store_true", help="average over the image and its horizontal flip")
    parser.add_argument("--ignore-background", action="store_true", help="exclude class 0 from the means")
    parser.add_argument("--show-dir", metavar="DIR", help="write pictures of image, target and prediction")
    parser.add_argument("--worst", type=int, metavar="K", help="with --show-dir: only the K images of lowest IoU")
    parser.add_argument(
        "--out",
        metavar="FILE|DIR",
        help="write the scores: FILE.json (with the confusion matrix), FILE.csv, or a folder with both, the table,"
        " the confusion matrix as a picture, the counts of every image for `segbox compare`, and report.html",
    )
    parser.add_argument("--no-report", action="store_true", help="with --out DIR: write no report.html")
    parser.add_argument(
        "--submit", metavar="DIR", help="write predictions in the format of the data set's official server"
    )
    precision.add_precision(parser, "default: fp32; auto is bf16 where the device computes with it")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def check_arguments(args: argparse.Namespace) -> None:
    if args.crop_size is not None and len(args.crop_size) > 2:
        raise ConfigError("--crop-size: expected one number, or height and width")
    if args.worst is not None and (args.worst < 1 or not args.show_dir):
        raise ConfigError("--worst: expected a number of pictures, 1 or more, and --show-dir")


def sections_with_options(args: argparse.Namespace, config: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sections `test` and `metric` of the config with the options of the command line."""
    test = {"mode": MODES.get(args.mode, args.mode), "flip": args.flip or None, "base_size": args.base_size}
    test["window"] = args.crop_size and tuple(args.crop_size * 2)[:2]
    test["scales"] = args.scales and tuple(args.scales)
    metric = dict(config.get("metric", {}))
    extra = [name for name in args.eval if name not in ("mIoU", "mDice", "mFscore")]
    if extra:
        metric["extra"] = [*metric.get("extra", ()), *extra]
    if args.ignore_background:
        metric["ignore_background"] = True
    return {**config.get("test", {}), **{key: value for key, value in test.items() if value is not None}}, metric


def notes_on_unused_options(args: argparse.Namespace, test: dict[str, Any]) -> list[str]:
    """A note for each option that has no effect with these settings."""
    notes = []
    if args.crop_size is not None and test.get("mode", "whole") == "whole":
        notes.append("--crop-size has no effect on whole images; --mode slide and --mode val use it")
    if args.base_size is not None and tuple(test.get("scales", (1.0,))) == (1.0,):
        notes.append("--base-size has no effect on a single scale; --scales uses it")
    return notes


def run(args: argparse.Namespace) -> None:
    check_arguments(args)

    config = None if args.config is None else load_config(args.config, args.cfg_options)

    from segbox import distributed
    from segbox.engine.config_check import check_config
    from segbox.engine.devices import choose_device
    from segbox.engine.logs import start_logging
    from segbox.evaluation.evaluator import Evaluator
    from segbox.evaluation.open_model import check_classes, open_model, settled
    from segbox.interop.saved import read_saved
    from segbox.precision import choose_precision
    from segbox.viz.evaluation_outputs import evaluation_outputs

    start_logging()
    if config is not None:
        check_config(config)  # its mistakes are told before a file is read or downloaded
    saved = read_saved(args.checkpoint)
    config = settled(saved, config, args.cfg_options)
    check_config(config, "model", "data")
    config["test"], config["metric"] = sections_with_options(args, config)
    for note in notes_on_unused_options(args, config["test"]):
        logger.info(note)
    files, report = files_of(args)
    device = choose_device(args.device)
    with distributed.process_group(device, settings={"config": config.to_dict(), "checkpoint": args.checkpoint}):
        evaluator = Evaluator(config, device, choose_precision(args.precision, device))
        outputs = evaluation_outputs(evaluator.dataset, args.show_dir, args.worst, args.submit, [*files, *report])
        opened = open_model(saved, config, len(evaluator.classes))
        check_classes(opened, evaluator.classes)
        metric = evaluator(opened.model.to(device), outputs if outputs.writers else None, show_progress=True)
        failures = outputs.finish()
        if distributed.is_main():
            print_scores(args, evaluator, evaluator.record(metric, args.checkpoint), files)
            if failures:
                raise DataError("\n  ".join(["some pictures or predictions could not be written:", *failures]))
    write_report(report, config, device)


def files_of(args: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """The files of the scores; and beside those of a folder, the config and the page."""
    from segbox.report.run import TEST_CONFIG
    from segbox.report.write import REPORT
    from segbox.viz.score_files import score_files

    files = score_files(args.out) if args.out else []
    has_report = len(files) > 1 and not args.no_report
    return files, [files[0].parent / name for name in (TEST_CONFIG, REPORT)] if has_report else []


def write_report(files: Sequence[Path], config: Any, device: Any) -> None:
    """Write the page, and the config to make it again, in one process."""
    from segbox.config import format_config
    from segbox.outputs import write_text
    from segbox.report.write import tell_report

    if files and launch().rank == 0:
        write_text(files[0], format_config(config.to_dict()))
        print(tell_report(files[0].parent, device))


def print_scores(args: argparse.Namespace, evaluator: Any, evaluation: Any, files: list) -> None:
    """Print the scores, and where files were written."""
    from segbox.evaluation.scenes import scene_table
    from segbox.evaluation.score_table import score_table
    from segbox.evaluation.uncertainty import describe_interval
    from segbox.viz.score_files import write_scores
    from segbox.viz.submission import describe_submission

    table = score_table(evaluation.scores, evaluation.classes, args.eval)
    print(table)
    if "mIoU" in args.eval and (line := describe_interval(evaluation)):
        print(line)
    if "mIoU" in args.eval and (scenes := scene_table(evaluation)):
        print(scenes)
    print(f"{evaluation.counts().sum()} pixels of {len(evaluator.dataset)} images, {evaluation.protocol}")
    if args.show_dir:
        print(f"pictures are in {args.show_dir}")
    if args.submit:
        print(f"predictions are in {args.submit}, {describe_submission(evaluator.classes)}")
    if args.out:
        write_scores(files, evaluation, table)
        print(f"scores are in {args.out}")
