"""Segment a raster of any size with a trained model, such as a GeoTIFF of 20 000 x 20 000 pixels.

segbox raster work_dirs/NAME/best.pt scene.tif                             # predictions/scene_classes.tif
segbox raster CHECKPOINT scene.tif --bands red,green,blue --out classes.tif
segbox raster CHECKPOINT scene.tif --bands 4,3,2 --shard 2/8               # one of eight processes
segbox raster CONFIG CHECKPOINT scene.tif                                  # by another config than its own

The class map is a GeoTIFF of bytes with the raster's transform and coordinate system, the palette as its colour table,
overviews, and 255 where the raster has no data. The raster is read window by window: memory does not depend on its
size. Windows are those of the config's `test` section (512 x 512 without), averaged where they overlap.

Finished strips are kept in a folder beside the class map, FILE.tif.parts: the same command after a kill computes only
what is missing. With --shard I/N, each of N processes computes its share of the strips; the same command without
--shard then writes the class map, byte for byte that of one process.

With rasterio (pip install "segbox[geo]") every format that GDAL reads; without, TIFF by tifffile.
"""

import argparse
from pathlib import Path

from segbox.config import load_config
from segbox.errors import UserError
from segbox.launch import Share
from segbox.outputs import claim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", nargs="?", help="a config file (default: the config that the checkpoint holds)")
    parser.add_argument("checkpoint", help="a checkpoint that segbox train wrote, or a published folder")
    parser.add_argument("raster", help="a GeoTIFF, or another raster that GDAL reads")
    parser.add_argument("--out", metavar="FILE.tif", help="the class map (default: predictions/NAME_classes.tif)")
    parser.add_argument(
        "--bands",
        metavar="B,B,B",
        help="numbers (from 1) or names of the bands, in the order of the model's channels (default: all, where there"
        " are as many, besides alpha)",
    )
    parser.add_argument(
        "--shard", type=share, metavar="I/N", help="compute the I-th of N shares of the strips, no more"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def share(text: str) -> Share:
    try:
        return Share.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace) -> None:
    config = None if args.config is None else load_config(args.config, args.cfg_options)
    path = Path(args.raster)
    target = Path(args.out or f"predictions/{path.stem}_classes.tif")
    if target.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"--out {target}: the class map is a GeoTIFF; name it FILE.tif")

    from segbox.commands.predict import open_predictor
    from segbox.data.rasters.source import check_there, open_raster
    from segbox.engine.config_check import check_config
    from segbox.engine.logs import start_logging
    from segbox.progress import ProgressBar
    from segbox.rasters.prediction import predict_raster

    start_logging()
    if config is not None:
        check_config(config)  # its mistakes are told before a file is read or downloaded
    check_there(path)
    claim([(target, path)], [path])
    predictor = open_predictor(args.checkpoint, config, args.cfg_options, args.device)
    raster = open_raster(path, args.bands, predictor.channels, predictor.bits)
    bands = ", ".join(f"{i} ({raster.names[i - 1]})" if raster.names[i - 1] else str(i) for i in raster.bands)
    print(f"{path}: {raster.height} x {raster.width} pixels; the model sees the bands {bands}")
    if not raster.is_placed:
        print(f"{path}: has no coordinate system, so {target.name} gets none")
    bar = ProgressBar(0)

    def show(done: int, count: int) -> None:
        bar.total = max(1, count)
        bar.show(done, f"of the strips of {path.name}")

    try:
        kind = predict_raster(predictor, raster, target, args.shard, show)
    finally:
        bar.clear()
    if kind is None:
        print(f"Share {args.shard} is done. When all are, the same command without --shard writes {target}")
    else:
        print(f"{target}: {kind}; 255 is nodata")
