"""Turn a checkpoint of another toolbox into one of segbox.

segbox import mmseg CONFIG CHECKPOINT OUT        # CONFIG: a .py or .json file of mmsegmentation 0.x or 1.x
segbox import mmseg CHECKPOINT psp.pt            # by the config that the checkpoint carries
segbox import mmseg mmseg://pspnet_r50-d8_4xb2-40k_cityscapes-512x1024 psp.pt

OUT gets weights, classes and palette, and a config of the same name (psp.py) is written beside it:
segbox predict psp.py psp.pt photo.jpg           segbox test psp.py psp.pt
segbox train psp.py --cfg-options model.weights=psp.pt

What segbox cannot build as it was is refused by the name of the part.
"""

import argparse
from pathlib import Path

from segbox.errors import ConfigError
from segbox.outputs import claim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("toolbox", choices=("mmseg",), help="where the checkpoint is from: mmsegmentation")
    parser.add_argument(
        "source_config",
        nargs="?",
        metavar="CONFIG",
        help="its config file (default, or -: the config that the checkpoint carries)",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a file, an address, or mmseg://NAME")
    parser.add_argument("out", metavar="OUT", type=Path, help="the checkpoint to write, such as psp.pt")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")


def run(args: argparse.Namespace) -> None:
    config = args.out.with_suffix(".py")
    check_out(args.out, config, args.overwrite)

    from segbox.engine.logs import start_logging
    from segbox.interop.mmseg.read import read_mmseg
    from segbox.interop.write import whole_weights, write_imported
    from segbox.models.segmentors import build_segmentor
    from segbox.weights.loading import load_weights

    start_logging()
    imported = read_mmseg(args.checkpoint, None if args.source_config == "-" else args.source_config)
    model = build_segmentor(imported.model, None)
    load_weights(model, whole_weights(imported), args.checkpoint)
    write_imported(imported, args.out, config)
    count = sum(value.numel() for value in model.parameters())
    print(f"{imported.origin}: {count / 1e6:.1f} M parameters, {imported.model['num_classes']} classes")
    if imported.licence is not None:
        print(f"Licence of the weights: {imported.licence}")
    print(f"Written: {args.out}, {config}. Next:\n  segbox predict {config} {args.out} photo.jpg")


def check_out(out: Path, config: Path, overwrite: bool) -> None:
    if out.suffix not in (".pt", ".pth"):
        raise ConfigError(f"{out}: a checkpoint is a file whose name ends with .pt")
    existing = [path for path in (out, config) if path.exists()]
    if existing and not overwrite:
        raise ConfigError(f"{existing[0]} already exists; --overwrite replaces it")
    claim([], folders=[out.parent])
