"""Segment images or a video with a trained model.

segbox predict work_dirs/NAME/best.pt photo.jpg
segbox predict CHECKPOINT folder/ --out predictions --save mask,color,overlay,probs
segbox predict CHECKPOINT folder/ --save confidence,entropy,areas         # where it is unsure; how much of what
segbox predict CHECKPOINT folder/ --save labelme --tolerance 1            # polygons to correct: coco, labelme, cvat
segbox predict CHECKPOINT VOCdevkit/test --out results --save submit      # for the official server
segbox predict CHECKPOINT "shots/*.png"        segbox predict CHECKPOINT street.mp4
segbox predict CHECKPOINT list.txt                          # a list of images, one a line
segbox predict CHECKPOINT folder/ --shard 3/8               # one of eight processes; then --merge (docs/clusters.md)
segbox predict CHECKPOINT webcam:0 --save overlay,areas     # the first camera, until Ctrl-C; --seconds 30, --show
segbox predict torchvision://deeplabv3_resnet50 photo.jpg                 # a published model
segbox predict CONFIG CHECKPOINT photo.jpg                                # by another config than its own

confidence and entropy are 8-bit grey PNGs: 255 x the probability of the chosen class, and 255 x entropy / log K (0: one
class is certain, 255: all K classes are equally probable). areas.csv has a row for each image and class: image, class,
pixels, share. Of a video, masks, confidence and entropy are numbered PNGs, and NAME_areas.csv has rows for each frame.
What a camera sees is written like a video, with the time in the names; Ctrl-C ends it (exit status 0), a second one
gives it up.

Threads read and write images while the model works on others. On a GPU, images of one size go through it together: the
last bit of a score may then be another than one by one, and with it a pixel where two classes are equally probable.
--batch-size 1 keeps them apart, as on a CPU.

With --shard, each process takes every N-th image of the sorted list and passes over what is made already: killed and
started again, it makes what is missing. Processes of torchrun (RANK) and tasks of a Slurm array do so without being
told. Each writes manifest_I_of_N.jsonl: a line for each image with its files, seconds, pixels of each class, or error.
The same command with --merge joins them into manifest.jsonl, writes areas.csv, and says what is missing.

Files of an earlier call are replaced; other files never are. Unreadable files are skipped and listed at the end.
Exit status: 0 all files predicted, 2 some or none predicted.
"""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from segbox.config import Config, load_config
from segbox.errors import ConfigError, DataError, UserError
from segbox.launch import Share, share

if TYPE_CHECKING:
    from segbox.evaluation.predictor import Predictor

POLYGONS = ("coco", "labelme", "cvat")
SHOWN = 20  # names in a message
WHOLE = "none"  # --shard none: all images
KINDS = ("mask", "color", "overlay", "confidence", "entropy", "areas", "probs", "submit", *POLYGONS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="a config file (default: the config that the checkpoint holds)")
    parser.add_argument(
        "checkpoint", help="a checkpoint that segbox train wrote, a published folder, or the name of a published model"
    )
    parser.add_argument(
        "source",
        help="an image, a folder of images, a glob in quotes, a list (.txt), a video, or a camera: webcam:0",
    )
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
    parser.add_argument(
        "--seconds", type=float, metavar="N", help="of a camera: record so long (default: until Ctrl-C)"
    )
    parser.add_argument("--show", action="store_true", help="of a camera: show the overlay in a window, which q closes")
    parser.add_argument(
        "--batch-size",
        type=at_least_1,
        metavar="N",
        help="images of one size that go through the model together (default: 1 on a CPU; on a GPU up to 32,"
        " with a million pixels)",
    )
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="predict the I-th of N shares of the images, and what is missing only (default: by RANK and WORLD_SIZE, or"
        " the task of a Slurm array, where there are several; none: all images)",
    )
    parser.add_argument("--merge", action="store_true", help="join the manifests that the shards have left in --out")
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


def at_least_0(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of pixels, 0 or more")


def at_least_1(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:10]) < 10**9:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of images, 1 or more")


def shard(text: str) -> Share | str:
    try:
        return text if text == WHOLE else Share.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, or {WHOLE}") from None


def run(args: argparse.Namespace) -> None:
    refuse_without_effect(args)
    config = None if args.config is None else load_config(args.config, args.cfg_options)

    from segbox.engine.config_check import check_config
    from segbox.engine.logs import start_logging
    from segbox.viz.camera import camera_number
    from segbox.viz.sources import find_sources
    from segbox.viz.video import predict_video

    start_logging()
    if config is not None:
        check_config(config)  # its mistakes are told before a file is read or downloaded
    number = camera_number(args.source)
    out = Path(args.out)
    if number is not None:
        record(args, number, config, out)
        return
    images, video = find_sources(args.source)
    if video is not None and (args.merge or isinstance(args.shard, Share)):
        raise UserError(f"{video}: --shard and --merge are for images; a video is one process's work")
    if args.merge:
        merge(images, out)
        return
    predictor = open_predictor(args.checkpoint, config, args.cfg_options, args.device)
    if video is not None:
        say_frames(video, out, *predict_video(predictor, video, out, args.save))
        return
    own, said = share_of(args.shard, images)
    if own is None:
        whole_list(args, predictor, images, out)
    else:
        part_of_list(args, predictor, images, out, own, said)


def share_of(asked: Share | str | None, images: Sequence[Path]) -> tuple[Share | None, str]:
    """The share of the images that this process takes (None: all of them), and where that is said."""
    if isinstance(asked, Share):
        return asked, ""
    found, said = (Share(1, 1), "") if asked == WHOLE or len(images) == 1 else share()
    return (found, said) if found.count > 1 else (None, "")


def part_of_list(
    args: argparse.Namespace, predictor: "Predictor", images: Sequence[Path], out: Path, own: Share, said: str
) -> None:
    from segbox.viz.shards import predict_share

    def say(text: str) -> None:
        print(f"shard {own}{f' ({said})' if said else ''}: {text}", flush=True)

    count, failures = predict_share(predictor, images, out, args.save, own, say, args.batch_size)
    print(f"{count - len(failures)} image(s): {', '.join(args.save)} in {out}")
    print("When all shards have ended, the same command with --merge instead of --shard joins their manifests")
    tell(failures, count)


def merge(images: Sequence[Path], out: Path) -> None:
    from segbox.viz.shards import JOINED, merge_manifests

    merged = merge_manifests(out, images)
    print(f"{merged.made} of {len(images)} images were made: {out / JOINED}")
    lines = []
    for found, about in (
        (merged.failed, "could not be predicted"),
        (merged.missing, "are missing; start their shards again"),
    ):
        if found:
            lines += [f"{len(found)} of {len(images)} images {about}:", *found[:SHOWN], *["..."] * (len(found) > SHOWN)]
    if lines:
        raise DataError("\n  ".join(lines))


def whole_list(args: argparse.Namespace, predictor: "Predictor", images: Sequence[Path], out: Path) -> None:
    from segbox.convert.polygon_files import commands_back
    from segbox.viz.predictions import predict_files
    from segbox.viz.sources import common_folder

    polygons = args.tolerance or 0, args.min_area or 0
    failures = predict_files(predictor, images, out, args.save, *polygons, args.batch_size)
    if len(images) == len(failures) == 1:
        raise DataError(failures[0])
    print(f"{len(images) - len(failures)} image(s): {', '.join(args.save)} in {out}")
    if set(POLYGONS) & set(args.save):
        back = commands_back(out, args.save, common_folder(images), predictor.classes)
        print("\n  ".join(["When the polygons are corrected, this makes masks of them:", *back]))
    tell(failures, len(images))


def tell(failures: Sequence[str], count: int) -> None:
    if failures:
        first = f"{len(failures)} of {count} images could not be predicted (all others were):"
        raise DataError("\n  ".join([first, *failures]))


def refuse_without_effect(args: argparse.Namespace) -> None:
    """Refuse options that would change nothing."""
    for flag in ("tolerance", "min_area"):
        if getattr(args, flag) is not None and not set(POLYGONS) & set(args.save):
            raise UserError(f"--{flag.replace('_', '-')} changes polygons only; add coco, labelme or cvat to --save")
    if (args.seconds is not None or args.show) and not args.source.startswith("webcam:"):
        raise UserError("--seconds and --show are for cameras, such as webcam:0")


def record(args: argparse.Namespace, number: int, config: Config | None, out: Path) -> None:
    """Segment what a camera sees. Ctrl-C ends the video; a second one gives it up."""
    from segbox.engine.signals import stop_request
    from segbox.viz.camera import Camera, Window
    from segbox.viz.video import predict_camera

    if args.seconds is not None and not 0 < args.seconds < float("inf"):
        raise ConfigError(f"--seconds {args.seconds:g}: expected a number above 0")
    window = Window() if args.show else None
    camera = Camera(number, args.seconds)  # before the model: that it is not there is told at once
    predictor = open_predictor(args.checkpoint, config, args.cfg_options, args.device)
    with stop_request() as request:
        camera.is_stopped = lambda: request.is_made() or (window is not None and window.is_closed)
        print(f"{camera.path} is recorded; Ctrl-C ends it", flush=True)
        say_frames(camera.path, out, *predict_camera(predictor, camera, out, args.save, window))


def say_frames(source: object, out: Path, count: int, failures: Sequence[str]) -> None:
    print(f"{count} frames of {source} are in {out}")
    if failures:
        raise DataError("\n  ".join(["some frames could not be predicted (all others were):", *failures]))
