"""Segment images or a video with a trained model.

segbox predict work_dirs/NAME/best.pt photo.jpg
segbox predict CHECKPOINT folder/ --out predictions --save mask,color,overlay,probs
segbox predict CHECKPOINT folder/ --save confidence,entropy,areas         # where it is unsure; how much of what
segbox predict CHECKPOINT folder/ --save labelme --tolerance 1            # polygons to correct: coco, labelme, cvat
segbox predict CHECKPOINT VOCdevkit/test --out results --save submit      # for the official server
segbox predict CHECKPOINT "shots/*.png"        segbox predict CHECKPOINT street.mp4
segbox predict torchvision://deeplabv3_resnet50 photo.jpg                 # a published model
segbox predict CONFIG CHECKPOINT photo.jpg                                # by another config than its own

confidence and entropy are 8-bit grey PNGs: 255 x the probability of the chosen class, and 255 x entropy / log K (0: one
class is certain, 255: all K classes are equally probable). areas.csv has a row for each image and class: image, class,
pixels, share. Of a video, masks, confidence and entropy are numbered PNGs, and NAME_areas.csv has rows for each frame.

Files of an earlier call are replaced; other files never are. Unreadable files are skipped and listed at the end.
Exit status: 0 all files predicted, 2 some or none predicted.
"""

import argparse
from contextlib import suppress
from pathlib import Path

from segbox.config import load_config
from segbox.errors import DataError, UserError

POLYGONS = ("coco", "labelme", "cvat")
KINDS = ("mask", "color", "overlay", "confidence", "entropy", "areas", "probs", "submit", *POLYGONS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="a config file (default: the config that the checkpoint holds)")
    parser.add_argument(
        "checkpoint", help="a checkpoint that segbox train wrote, a published folder, or the name of a published model"
    )
    parser.add_argument("source", help="an image, a folder of images, a glob in quotes, or a video")
    parser.add_argument("--out", default="predictions", metavar="DIR", help="where to write (default: predictions)")
    parser.add_argument(
        "--save",
        type=kinds,
        default=("mask", "overlay"),
        metavar="KIND,KIND",
        help="mask (class ids, PNG), color (palette colours), overlay (over the image with a legend),"
        " confidence (probability of the chosen class, grey PNG, 0 to 255),"
        " entropy (grey PNG, 0: one class is certain, 255: all are equally probable),"
        " areas (areas.csv: pixels and share of each class in each image),"
        " probs (float16 K H W, .npy; not for videos), submit (as the data set's official server takes it),"
        " coco, labelme, cvat (polygons to correct, docs/labelling.md; not for videos); default: mask,overlay",
    )
    parser.add_argument(
        "--tolerance",
        type=at_least_0,
        metavar="PIXELS",
        help="polygons have fewer corners, and lie up to PIXELS beside the prediction (default: 0, every pixel exact)",
    )
    parser.add_argument(
        "--min-area",
        type=at_least_0,
        metavar="PIXELS",
        help="in polygons, regions of fewer pixels get the class around them (default: 0, all stay)",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def kinds(text: str) -> tuple[str, ...]:
    asked = tuple(text.split(","))
    for kind in asked:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}")
    return asked


def at_least_0(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of pixels, 0 or more")


def refuse_unused_options(args: argparse.Namespace) -> None:
    for flag in ("tolerance", "min_area"):
        if getattr(args, flag) is not None and not set(POLYGONS) & set(args.save):
            raise UserError(f"--{flag.replace('_', '-')} changes polygons only; add coco, labelme or cvat to --save")


def run(args: argparse.Namespace) -> None:
    refuse_unused_options(args)
    config = None if args.config is None else load_config(args.config, args.cfg_options)

    from segbox.convert.polygon_files import commands_back
    from segbox.engine.config_check import check_config
    from segbox.engine.devices import choose_device
    from segbox.engine.logs import start_logging
    from segbox.evaluation.open_model import settled
    from segbox.evaluation.predictor import Predictor
    from segbox.interop.saved import read_saved
    from segbox.viz.predictions import common_folder, find_sources, predict_files
    from segbox.viz.video import predict_video

    start_logging()
    if config is not None:
        check_config(config)  # its mistakes are told before a file is read or downloaded
    images, video = find_sources(args.source)
    saved = read_saved(args.checkpoint)
    config = settled(saved, config, args.cfg_options)
    check_config(config, "model")
    predictor = Predictor(config, saved, choose_device(args.device))
    out = Path(args.out)
    if video is not None:
        count, failures = predict_video(predictor, video, out, args.save)
        print(f"{count} frames of {video} are in {out}")
        if failures:
            raise DataError("\n  ".join(["some frames could not be predicted (all others were):", *failures]))
        return
    failures = predict_files(predictor, images, out, args.save, args.tolerance or 0, args.min_area or 0)
    if len(images) == len(failures) == 1:
        raise DataError(failures[0])
    print(f"{len(images) - len(failures)} image(s): {', '.join(args.save)} in {out}")
    if set(POLYGONS) & set(args.save):
        back = commands_back(out, args.save, common_folder(images), predictor.classes)
        print("\n  ".join(["When the polygons are corrected, this makes masks of them:", *back]))
    if failures:
        count = f"{len(failures)} of {len(images)} images could not be predicted (all others were):"
        raise DataError("\n  ".join([count, *failures]))
