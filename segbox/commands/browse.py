"""Draw a contact sheet of samples as the model will see them: after the pipeline, with labels and a legend.

segbox browse configs/demo/pspnet_r10_shapes.py
segbox browse CONFIG --split val --num 24 --out sheet.png
"""

import argparse
from pathlib import Path

from segbox.config import load_config
from segbox.errors import ConfigError
from segbox.outputs import claim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", help="a config file")
    parser.add_argument("--split", default="train", choices=("train", "val"), help="data.train (default) or data.val")
    parser.add_argument("--num", type=int, default=16, help="number of samples (default: 16)")
    parser.add_argument("--first", action="store_true", help="show the first samples, not random ones")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of samples and of the pipeline")
    parser.add_argument("--out", default="sheet.png", help="the picture to write (default: sheet.png)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def run(args: argparse.Namespace) -> None:
    if args.num < 1:
        raise ConfigError(f"--num {args.num}: expected 1 or more")

    config = load_config(args.config, args.cfg_options)

    from segbox.engine.config_check import check_config

    check_config(config, "data")
    data = config["data"]
    if data.get(args.split) is None:
        raise ConfigError(f"{args.config}: has no data.{args.split}")

    from itertools import islice

    from segbox.data.loader import build_dataset
    from segbox.data.sampler import EndlessSampler
    from segbox.evaluation.fill_color import mean_without_building
    from segbox.viz.contact_sheet import contact_sheet
    from segbox.viz.overlay import check_suffix, write_image

    out = Path(args.out)
    check_suffix(out)
    claim([(out, "--out")])
    is_train = args.split == "train"
    dataset = build_dataset(data[args.split], f"data.{args.split}", **({} if is_train else {"transform_labels": False}))
    if config.get("model", {}).get("type") == "EncoderDecoder":  # nothing is known of other models
        dataset.fill = mean_without_building(config.model)
    draws = EndlessSampler(len(dataset), args.seed)
    if not is_train or args.first:
        draws = [(index, seed if is_train else None) for index, seed in _in_order(len(dataset), args)]
    samples = [dataset[draw] for draw in islice(draws, min(args.num, len(dataset)))]
    samples = [sample for sample in samples if sample is not None]
    if not samples:
        raise ConfigError(f"data.{args.split}: none of these samples can be read")
    heading = f"{args.config}  data.{args.split}: {len(samples)} of {len(dataset):,} samples, after the pipeline"
    write_image(out, contact_sheet(samples, dataset.classes, dataset.palette, heading))
    print(f"Written: {args.out} ({len(samples)} samples of data.{args.split})")


def _in_order(length: int, args: argparse.Namespace) -> list[tuple[int, int]]:
    """The first samples, or the same number evenly spaced."""
    count = min(args.num, length)
    step = 1 if args.first else length / count
    return [(int(i * step), args.seed + i) for i in range(count)]
