"""Write a trained model for other runtimes: ONNX, OpenVINO or a program of torch.export, checked beside PyTorch.

segbox export work_dirs/NAME/best.pt model.onnx
segbox export CHECKPOINT model.onnx --images photos/              # checked on these; default: generated pictures
segbox export CHECKPOINT model.xml --output probabilities         # OpenVINO: model.xml and model.bin
segbox export CHECKPOINT model.pt2                                # torch.export.load
segbox export CHECKPOINT model.onnx --size 512 512 --half         # for runtimes without free sizes; float16 inside
segbox export CHECKPOINT model.onnx --int8 photos/                # 8 bits, with the ranges of these pictures
segbox export CONFIG CHECKPOINT model.onnx                        # by another config than its own

Normalisation, padding, network, resizing and the choice of the class are inside the file: images B C H W in RGB
(uint8; float32 for deep images) go in, classes B H W (uint8) or scores B K H W (float32) come out. Batch, height and
width are free. run_segbox.py is written beside it: it segments folders with the file, without PyTorch and segbox.

Before the file gets its name, its runtime runs it beside PyTorch at three sizes. If more than 0.1 % of the pixels have
another class (--half: 1 %, --int8: 5 %), it is refused. Exit status: 0 written, 2 refused.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segbox.config import load_config
from segbox.errors import ConfigError

if TYPE_CHECKING:
    from segbox.export.check import Comparison

OUTPUTS = ("classes", "probabilities", "logits")  # as in segbox/export/graph.py, which needs PyTorch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="a config file (default: the config that the checkpoint holds)")
    parser.add_argument("checkpoint", help="a checkpoint, a published folder, or the name of a published model")
    parser.add_argument("out", type=Path, help="the file to write: .onnx, .xml (OpenVINO) or .pt2 (torch.export)")
    parser.add_argument(
        "--output",
        choices=OUTPUTS,
        help="what the file gives (default: classes; probabilities if the model is run by windows)",
    )
    parser.add_argument(
        "--size", nargs=2, type=int, metavar=("H", "W"), help="fix the size of images (default: any size)"
    )
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument("--half", action="store_true", help="compute in float16, with the same inputs and outputs")
    precision.add_argument(
        "--int8", type=Path, metavar="FOLDER", help="compute in 8 bits; ranges from the pictures of this folder (.onnx)"
    )
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="pictures for the check (default: of --int8, else generated)"
    )
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def run(args: argparse.Namespace) -> None:
    if args.size is not None and min(args.size) < 1:
        raise ConfigError("--size: expected a height and a width of 1 pixel or more")
    config = None if args.config is None else load_config(args.config, args.cfg_options)

    from segbox.commands.predict import open_predictor
    from segbox.engine.logs import start_logging
    from segbox.export.export import claim_files, export_model
    from segbox.export.pictures import calibration_of, generated_pictures, pictures_in
    from segbox.export.plan import plan_export
    from segbox.export.write import check_format

    start_logging()
    precision = "int8" if args.int8 else "fp16" if args.half else "fp32"
    check_format(args.out, precision)
    claim_files(args.out)
    predictor = open_predictor(args.checkpoint, config, args.cfg_options, "cpu")
    plan = plan_export(predictor, args.output, args.size and tuple(args.size), precision)
    shown = args.images or args.int8  # ranges of 8 bits say nothing about generated pictures
    pictures = pictures_in(predictor, shown) if shown else generated_pictures(plan)
    calibration = calibration_of(predictor, plan, args.int8) if args.int8 else []
    found = export_model(plan, args.out, pictures, calibration)
    print(told(args.out, found, bool(shown)))


def told(out: Path, found: Sequence["Comparison"], has_pictures: bool) -> str:
    lines = [
        f"{one.size[0]} x {one.size[1]} pixels: largest difference {one.largest:.2g},"
        f" {100 - one.different:.5g} % of the pixels have the same class"
        for one in found
    ]
    if max(one.classes for one in found) == 1:
        lines.append(
            "PyTorch sees one class everywhere, so equal classes say little here;"
            + (" take other pictures" if has_pictures else " give pictures of yours: --images FOLDER")
        )
    lines.append(f"Written: {out}")
    if out.suffix != ".pt2":
        lines.append(f"try it:  python {out.with_name('run_segbox.py')} {out} photo.jpg      (no PyTorch needed)")
    return "\n".join(lines)
