"""Score a checkpoint on the validation set of a config, at the labels' own size.

segbox test CONFIG work_dirs/NAME/best.pt --eval mIoU mFscore mBIoU
segbox test CONFIG CHECKPOINT --mode slide --scales 0.75 1 1.25 --flip --show-dir pictures --worst 20 --out scores/
segbox test CONFIG CHECKPOINT --mode val --crop-size 480        # a centre crop, as the older toolboxes do
segbox test CONFIG CHECKPOINT --submit predictions              # for the data set's official server
"""

import argparse
import logging
from typing import Any

from segbox.config import load_config
from segbox.errors import ConfigError, DataError

logger = logging.getLogger("segbox")
SCORES = ("mIoU", "mDice", "mFscore", "mBIoU", "imageIoU", "ECE")
MODES = {"val": "crop", "testval": "whole"}  # as seed toolboxes call them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", help="a config file")
    parser.add_argument("checkpoint", help="a checkpoint, or a file of weights")
    parser.add_argument(
        "--eval",
        nargs="+",
        default=["mIoU"],
        choices=SCORES,
        help="which scores to print: IoU, Dice, F-score with precision and recall; boundary IoU, the mean of each"
        " image's own mIoU, calibration error (these three cost extra time)",
    )
    parser.add_argument(
        "--mode",
        choices=("whole", "slide", "crop", *MODES),
        help="whole image (also called testval), sliding window, or a centre crop (also called val);"
        " default: as the config says",
    )
    parser.add_argument(
        "--crop-size", nargs="+", type=int, metavar="N", help="of the window or crop: one number, or height and width"
    )
    parser.add_argument("--base-size", type=int, metavar="N", help="with --scales: the longer side at scale 1")
    parser.add_argument("--scales", nargs="+", type=float, metavar="S", help="average over these sizes of the image")
    parser.add_argument("--flip", action="store_true", help="average with the mirror image")
    parser.add_argument("--ignore-background", action="store_true", help="leave class 0 out of the means")
    parser.add_argument("--show-dir", metavar="DIR", help="write image, truth and prediction side by side")
    parser.add_argument("--worst", type=int, metavar="K", help="with --show-dir: only the K images of lowest IoU")
    parser.add_argument(
        "--out",
        metavar="FILE|DIR",
        help="write the scores: FILE.json (with the confusion matrix), FILE.csv, or a folder with both, the table and"
        " the confusion matrix as a picture",
    )
    parser.add_argument(
        "--submit", metavar="DIR", help="write predictions as the data set's official server takes them"
    )
    parser.add_argument("--amp", nargs="?", const="bf16", choices=("bf16", "fp16"), help="mixed precision (bf16)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def check_arguments(args: argparse.Namespace) -> None:
    if args.crop_size is not None and len(args.crop_size) > 2:
        raise ConfigError("--crop-size: expected one number, or height and width")
    if args.worst is not None and (args.worst < 1 or not args.show_dir):
        raise ConfigError("--worst: expected a number of pictures to keep, 1 or more; it needs --show-dir")


def asked(args: argparse.Namespace, config: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sections `test` and `metric` as the command line wants them."""
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


def without_effect(args: argparse.Namespace, test: dict[str, Any]) -> list[str]:
    """The options that the protocol does not heed, as in the older toolboxes: it is told before the scores are."""
    notes = []
    if args.crop_size is not None and test.get("mode", "whole") == "whole":
        notes.append("--crop-size has no effect on whole images; --mode slide and --mode val heed it")
    if args.base_size is not None and tuple(test.get("scales", (1.0,))) == (1.0,):
        notes.append("--base-size has no effect on a single scale; --scales heeds it")
    return notes


def run(args: argparse.Namespace) -> None:
    check_arguments(args)

    config = load_config(args.config, args.cfg_options)

    from segbox import distributed
    from segbox.engine.config_check import check_config
    from segbox.engine.devices import choose_device
    from segbox.engine.logs import start_logging
    from segbox.evaluation.evaluator import Evaluation
    from segbox.evaluation.predictor import check_classes, load_model
    from segbox.viz.score_files import score_files
    from segbox.viz.watch import watchers

    start_logging()
    check_config(config, "model", "data")
    config["test"], config["metric"] = asked(args, config)
    for note in without_effect(args, config["test"]):
        logger.info(note)
    files = score_files(args.out) if args.out else []
    device = choose_device(args.device)
    with distributed.process_group(device, settings={"config": config.to_dict(), "checkpoint": args.checkpoint}):
        evaluation = Evaluation(config, device, args.amp)
        watch = watchers(evaluation.dataset, args.show_dir, args.worst, args.submit, files)
        model, content = load_model(config, args.checkpoint, len(evaluation.classes))
        check_classes(content, evaluation.classes, args.checkpoint)
        metric = evaluation(model.to(device), watch if watch.watches else None, show_progress=True)
        failures = watch.finish()
        if distributed.is_main():
            tell(args, evaluation, metric, files)
            if failures:
                raise DataError("\n  ".join(["not all pictures or predictions could be written:", *failures]))


def tell(args: argparse.Namespace, evaluation: Any, metric: Any, files: list) -> None:
    """The scores, and where everything is."""
    from segbox.evaluation.score_table import score_table
    from segbox.viz.score_files import write_scores
    from segbox.viz.submission import describe_submission

    scores = metric.compute()
    table = score_table(scores, evaluation.classes, args.eval)
    print(table)
    print(f"{metric.counts.sum()} pixels of {len(evaluation.dataset)} images, {evaluation.protocol()}")
    if args.show_dir:
        print(f"pictures are in {args.show_dir}")
    if args.submit:
        print(f"predictions are in {args.submit}, {describe_submission(evaluation.classes)}")
    if args.out:
        about = {"protocol": evaluation.protocol(), "checkpoint": args.checkpoint}
        write_scores(files, scores, metric.counts, evaluation.classes, table, about)
        print(f"scores are in {args.out}")
