"""Segment pictures in a browser, on a phone or from other programs: a local page and an HTTP interface.

segbox serve work_dirs/my_data/best.pt                     # then open http://127.0.0.1:8000
segbox serve work_dirs/a/best.pt published/ torchvision://fcn_resnet50
segbox serve CHECKPOINT --host 0.0.0.0                     # for everybody in the network, such as your phone
curl -F image=@photo.jpg "http://127.0.0.1:8000/predict?output=mask" > mask.png

output is json (areas, size, seconds, mean confidence), mask, color, overlay, confidence (PNG) or areas (CSV). With
several models, model=NAME chooses one; GET /models lists them. GET /health and GET /metrics are for monitoring.

Pictures are read as `segbox predict` reads them, and nothing is stored. There is no password: without --host, only
this machine can use it. Ctrl-C ends it at once, with exit status 130.
"""

import argparse
import os
from collections.abc import Callable

from segbox.config import load_config
from segbox.ending import INTERRUPTED, flush_output, say

PORTS = 2**16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoints",
        nargs="+",
        metavar="CHECKPOINT",
        help="a checkpoint that segbox train wrote, a published folder, or the name of a published model",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to open (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", type=number(int, 0, PORTS - 1), default=8000, help="default: 8000; 0: a free one")
    parser.add_argument(
        "--max-megabytes", type=number(float, 0), default=25, metavar="N", help="largest request (default: 25)"
    )
    parser.add_argument(
        "--max-pixels", type=number(int, 1), default=50_000_000, metavar="N", help="of a picture (default: 50000000)"
    )
    parser.add_argument(
        "--queue",
        type=number(int, 0),
        default=8,
        metavar="N",
        help="pictures that may wait for a model; more are answered with 503 (default: 8)",
    )
    parser.add_argument(
        "--max-wait",
        type=number(float, 1),
        default=60,
        metavar="SECONDS",
        help="that a picture may wait for a model, before it is answered with 503 (default: 60)",
    )
    parser.add_argument(
        "--batch-size",
        type=number(int, 1),
        metavar="N",
        help="of the pictures that wait, those of one size go through the model together, up to N (default: as many as"
        " are good for the device)",
    )
    parser.add_argument("--config", help="the config of the models (default: the config that each checkpoint holds)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: the GPU if there is one)")
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="a.b.0.c=value", help="override the config")


def number(kind: Callable[[str], float], least: float, most: float = float("inf")) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            above = f"{least} to {most}" if most < float("inf") else f"{least} or more"
            raise argparse.ArgumentTypeError(f"expected a number, {above}, got {text!r}")
        return value

    return parse


def run(args: argparse.Namespace) -> None:
    config = None if args.config is None else load_config(args.config, args.cfg_options)

    from segbox.commands.predict import open_predictor
    from segbox.engine.config_check import check_config
    from segbox.engine.logs import start_logging
    from segbox.serve.limits import Limits
    from segbox.serve.model_names import model_names
    from segbox.serve.server import Server

    start_logging()
    if config is not None:
        check_config(config)
    limits = Limits(args.max_megabytes, args.max_pixels, args.queue, args.max_wait, args.batch_size)
    names = model_names(args.checkpoints)
    with Server(args.host, args.port, limits) as server:
        for name, checkpoint in zip(names, args.checkpoints):
            server.add(name, open_predictor(checkpoint, config, args.cfg_options, args.device))
        print(server.greeting(), flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            end_now()


def end_now() -> None:
    """End the process though a model may run: its thread would abort it, if Python were taken down under it."""
    say("interrupted")
    flush_output()
    os._exit(INTERRUPTED)
