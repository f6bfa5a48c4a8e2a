#!/usr/bin/env python3
"""Segment images or a video with a trained model.

tools/predict.py CONFIG work_dirs/NAME/best.pt photo.jpg
tools/predict.py CONFIG CHECKPOINT folder/ --out predictions --save mask,color,overlay,probs
tools/predict.py CONFIG CHECKPOINT VOCdevkit/test --out results --save submit      # for the official server
tools/predict.py CONFIG CHECKPOINT "shots/*.png"        tools/predict.py CONFIG CHECKPOINT street.mp4
"""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports ends the tool without a stack trace

import argparse
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where segbox is, installed or not

from segbox.ending import ends_with_a_message

KINDS = ("mask", "color", "overlay", "probs", "submit")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="a config file")
    parser.add_argument("checkpoint", help="a checkpoint that tools/train.py wrote")
    parser.add_argument("source", help="an image, a folder of images, a glob in quotes, or a video")
    parser.add_argument("--out", default="predictions", metavar="DIR", help="where to write (default: predictions)")
    parser.add_argument(
        "--save",
        type=kinds,
        default=("mask", "overlay"),
        metavar="KIND,KIND",
        help="mask (class ids, PNG), color (palette colours), overlay (over the image with a legend),"
        " probs (float16 K H W, .npy; not for videos), submit (as the data set's official server takes it);"
        " default: mask,overlay",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")
    return parser.parse_args()


def kinds(text: str) -> tuple[str, ...]:
    asked = tuple(text.split(","))
    for kind in asked:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}")
    return asked


def main() -> None:
    args = parse()

    from segbox.config import load_config

    config = load_config(args.config, args.cfg_options)

    from segbox.engine.build import choose_device, require, start_logging
    from segbox.engine.predictor import Predictor
    from segbox.viz.predictions import find_sources, predict_files, predict_video

    start_logging()
    require(config, "model")
    images, video = find_sources(args.source, Path(args.out))
    predictor = Predictor(config, args.checkpoint, choose_device(args.device))
    if video is not None:
        count = predict_video(predictor, video, Path(args.out), args.save)
        print(f"{count} frames of {video} are in {args.out}")
    else:
        predict_files(predictor, images, Path(args.out), args.save)
        print(f"{len(images)} image(s): {', '.join(args.save)} in {args.out}")


if __name__ == "__main__":
    with ends_with_a_message():
        main()
