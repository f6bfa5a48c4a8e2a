"""Segment images or a video with a trained model.

segbox predict work_dirs/NAME/best.pt photo.jpg
segbox predict CHECKPOINT folder/ --out predictions --save mask,color,overlay,probs
segbox predict CHECKPOINT folder/ --save confidence,entropy,areas         # where it is unsure; how much of what
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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segbox.config import Config, load_config
from segbox.errors import DataError

if TYPE_CHECKING:
    from segbox.evaluation.predictor import Predictor

KINDS = ("mask", "color", "overlay", "confidence", "entropy", "areas", "probs", "submit")


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
        " probs (float16 K H W, .npy; not for videos), submit (as the data set's official server takes it);"
        " default: mask,overlay",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def kinds(text: str) -> tuple[str, ...]:
    asked = tuple(text.split(","))
    for kind in asked:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}")
    return asked


def open_predictor(checkpoint: str, config: Config | None, overrides: Sequence[str], device: str | None) -> "Predictor":
    """The trained model of a command, by the user's config or by its own with overrides."""
    from segbox.engine.config_check import check_config
    from segbox.engine.devices import choose_device
    from segbox.evaluation.open_model import settled
    from segbox.evaluation.predictor import Predictor
    from segbox.interop.saved import read_saved

    saved = read_saved(checkpoint)
    config = settled(saved, config, overrides)
    check_config(config, "model")
    return Predictor(config, saved, choose_device(device))


def run(args: argparse.Namespace) -> None:
    config = None if args.config is None else load_config(args.config, args.cfg_options)

    from segbox.engine.config_check import check_config
    from segbox.engine.logs import start_logging
    from segbox.viz.predictions import find_sources, predict_files
    from segbox.viz.video import predict_video

    start_logging()
    if config is not None:
        check_config(config)  # its mistakes are told before a file is read or downloaded
    images, video = find_sources(args.source)
    predictor = open_predictor(args.checkpoint, config, args.cfg_options, args.device)
    out = Path(args.out)
    if video is not None:
        count, failures = predict_video(predictor, video, out, args.save)
        print(f"{count} frames of {video} are in {out}")
        if failures:
            raise DataError("\n  ".join(["some frames could not be predicted (all others were):", *failures]))
        return
    failures = predict_files(predictor, images, out, args.save)
    if len(images) == len(failures) == 1:
        raise DataError(failures[0])
    print(f"{len(images) - len(failures)} image(s): {', '.join(args.save)} in {out}")
    if failures:
        count = f"{len(failures)} of {len(images)} images could not be predicted (all others were):"
        raise DataError("\n  ".join([count, *failures]))
