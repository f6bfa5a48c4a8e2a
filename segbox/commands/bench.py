"""Measure segbox beside the same work in bare PyTorch or NumPy, and beside other libraries.

segbox bench train                     # a step of PSPNet-R18-D8, 150 classes, beside the bare loop
segbox bench train my_config.py --size 512 512 --batch 4 --compile
segbox bench infer --runtimes eager compile onnxruntime openvino
segbox bench loss --peer mmseg=/path/to/environment      # beside mmsegmentation, which another Python runs
segbox bench data, eval, slide, metric, depthwise        # a sample, an evaluated image, windows, counts, a layer
segbox bench startup, memory, growth, parts              # processes, peaks, curves, where the time goes
segbox bench slide --json > slide.json                   # --markdown: a table for a page

All sides get the same inputs and weights, and their numbers are compared first: a side whose numbers differ is not
timed. Then they run in turns, on as many threads as --threads says; medians and quartiles are shown.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from segbox.errors import ConfigError

if TYPE_CHECKING:
    from segbox.benchmark.measure import Case
    from segbox.benchmark.peers import Peer

MODEL = "segbox::pspnet/pspnet_r18_cityscapes.py"
MOST_CLASSES = 255  # 255 itself marks ignored pixels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="SUBJECT")
    for name, (text, _, defaults) in SUBJECTS.items():
        add_subject(subjects.add_parser(name, help=text, description=text), defaults)


def add_subject(subject: argparse.ArgumentParser, defaults: dict[str, Any]) -> None:
    """The options that the subject has a default for, and those of all subjects."""
    if "config" in defaults:
        subject.add_argument("config", nargs="?", default=MODEL, help=f"whose model is run ({MODEL})")
        text = "NAME=MODEL: which model of a peer is compared, such as smp='Unet resnet18'"
        subject.add_argument("--peer-model", nargs="+", default=[], metavar="NAME=MODEL", help=text)
    for name, text in (("classes", "numbers of classes"), ("channels", "numbers of channels")):
        if name in defaults:
            shown = " ".join(map(str, defaults[name]))
            kind = class_count if name == "classes" else count
            many = "+" if len(defaults[name]) > 1 else 1
            subject.add_argument(f"--{name}", nargs=many, type=kind, default=defaults[name], help=f"{text} ({shown})")
    for name, text in (("size", "of the images"), ("crop", "of the samples")):
        if name in defaults:
            shown = " ".join(map(str, defaults[name]))
            own = {"nargs": 2, "type": count, "default": defaults[name], "metavar": ("H", "W")}
            subject.add_argument(f"--{name}", help=f"{text} ({shown})", **own)
    for name, text in (("batch", "images"), ("stride", "of the convolution"), ("dilation", "of the convolution")):
        if name in defaults:
            subject.add_argument(f"--{name}", type=count, default=defaults[name], help=f"{text} ({defaults[name]})")
    if "runtimes" in defaults:
        text = "some of eager, channels_last, compile, onnxruntime, openvino (eager channels_last)"
        subject.add_argument("--runtimes", nargs="+", default=defaults["runtimes"], metavar="NAME", help=text)
    if "compile" in defaults:
        text = "compare with train.compile=True too, and tell what its first step takes"
        subject.add_argument("--compile", action="store_true", help=text)
    add_common(subject, defaults.get("runs", 5))


def add_common(subject: argparse.ArgumentParser, runs: int) -> None:
    text = "a library and its environment: mmseg, smp, torchvision or ultralytics, such as mmseg=/path/to/environment"
    subject.add_argument("--peer", nargs="+", default=[], metavar="NAME=PATH", help=text)
    subject.add_argument("--threads", type=count, default=1, help="CPU threads of each side (1)")
    subject.add_argument("--runs", type=count, default=runs, help=f"runs of each side, in turns ({runs})")
    subject.add_argument("--device", default="cpu", help='"cpu" or "cuda", of segbox and the bare side (cpu)')
    form = subject.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all numbers as JSON")
    form.add_argument("--markdown", action="store_true", help="print a table in Markdown")


def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def class_count(text: str) -> int:
    if not text.isdigit() or not 2 <= int(text) <= MOST_CLASSES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of classes: 2 to {MOST_CLASSES}")
    return int(text)


def run(args: argparse.Namespace) -> None:
    check_device(args)

    import json

    from segbox.benchmark.peers import running
    from segbox.benchmark.result import as_markdown, as_text

    with running(args.peer, args.threads) as peers:
        result = measured(args, peers)
    if args.json:
        print(json.dumps(result, indent=1))
    else:
        print(as_markdown(result) if args.markdown else as_text(result))


def measured(args: argparse.Namespace, peers: list["Peer"]) -> dict[str, Any]:
    """The result of a subject with these arguments."""
    import cv2
    import torch

    from segbox.benchmark.measure import measure
    from segbox.benchmark.result import as_result

    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    _, make_cases, _ = SUBJECTS[args.subject]
    hidden = ("subject", "json", "markdown", "peer")
    setting = {name: value for name, value in vars(args).items() if name not in hidden}
    runs = 0 if args.subject == "memory" else args.runs
    has_peaks = args.subject not in ("startup", "growth", "parts")
    return as_result(args.subject, setting, measure(make_cases(args, peers), runs, has_peaks, args.device), peers)


def check_device(args: argparse.Namespace) -> None:
    if args.device not in ("cpu", "cuda"):
        raise ConfigError(f'--device {args.device}: expected "cpu" or "cuda"')
    if args.device == "cpu":
        return
    if args.peer or args.subject in CPU_ONLY:
        why = "peers are compared" if args.peer else f"{args.subject} is measured"
        raise ConfigError(f"--device cuda: {why} on the CPU only")

    import torch

    if not torch.cuda.is_available():
        raise ConfigError("--device cuda: PyTorch finds no GPU here")


Cases = Iterable["Case"]


def model_arguments(args: argparse.Namespace) -> tuple[Any, Any, dict[str, str]]:
    """The config, the shape of the batches, and the models of peers."""
    from segbox.benchmark.models import Shape
    from segbox.benchmark.peers import LIBRARIES
    from segbox.config import load_config

    pairs = [word.partition("=")[::2] for word in args.peer_model]
    if wrong := next((name for name, model in pairs if name not in LIBRARIES or not model), None):
        raise ConfigError(f"--peer-model {wrong}: expected NAME=MODEL, and NAME is one of {', '.join(LIBRARIES)}")
    [classes] = args.classes
    return load_config(args.config), Shape(classes, tuple(args.size), args.batch), dict(pairs)


def train(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.training import train_cases

    config, shape, models = model_arguments(args)
    return train_cases(peers, config, shape, models, args.device, args.compile)


def infer(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.inference import check_runtimes, infer_cases

    check_runtimes(args.runtimes, args.device)
    config, shape, models = model_arguments(args)
    return infer_cases(peers, config, shape, models, args.runtimes, args.device)


def data(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.samples import data_cases

    return data_cases(peers, tuple(args.size), tuple(args.crop))


def loss(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.losses import loss_cases

    return loss_cases(peers, args.classes, tuple(args.size), args.batch, args.device)


def evaluation(args: argparse.Namespace, peers: list["Peer"]) -> Iterator["Case"]:
    from segbox.benchmark.evaluation import eval_cases, files_cases

    yield from eval_cases(peers, args.classes, tuple(args.size), args.device, args.subject == "slide")
    if args.subject == "eval":
        yield from files_cases(peers, tuple(args.size), args.device)


def metric(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.evaluation import metric_cases

    return metric_cases(peers, args.classes, tuple(args.size))


def depthwise(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.depthwise import depthwise_cases

    return depthwise_cases(args.channels, tuple(args.size), args.batch, args.stride, args.dilation, args.device)


def startup(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.startup import startup_cases

    return startup_cases(peers)


def memory(args: argparse.Namespace, peers: list["Peer"]) -> Iterator["Case"]:
    """The peaks of the other subjects, at one number of classes."""
    from segbox.benchmark.evaluation import eval_cases
    from segbox.benchmark.losses import loss_cases
    from segbox.benchmark.training import train_cases

    config, shape, models = model_arguments(args)
    yield from loss_cases(peers, args.classes, shape.size, shape.batch)
    yield from eval_cases(peers, args.classes, shape.size)
    yield from eval_cases(peers, args.classes, shape.size, is_slide=True)
    yield from train_cases(peers, config, shape, models)


def growth(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.growth import growth_cases

    return growth_cases()


def parts(args: argparse.Namespace, peers: list["Peer"]) -> Cases:
    from segbox.benchmark.parts import parts_cases

    config, shape, _ = model_arguments(args)
    return parts_cases(config, shape, WHOLE["size"])


Make = Callable[[argparse.Namespace, list["Peer"]], Cases]
WHOLE = dict(classes=[19, 150], size=(1024, 2048))
STEP = dict(config=True, classes=[150], size=(256, 256), batch=2)
SUBJECTS: dict[str, tuple[str, Make, dict[str, Any]]] = {  # name: what it is, its cases, the defaults of its options
    "train": ("a training step", train, {**STEP, "compile": False, "runs": 3}),
    "infer": ("from images to class maps", infer, {**STEP, "runtimes": ["eager", "channels_last"]}),
    "data": ("a training sample, from JPEG and PNG", data, dict(size=(1024, 2048), crop=(512, 1024), runs=15)),
    "loss": ("cross entropy with its gradient", loss, dict(classes=[7, 19, 150], size=(512, 512), batch=2)),
    "eval": ("from logits, and from files, to class maps to counts, without the network", evaluation, WHOLE),
    "slide": ("the same, by windows that overlap", evaluation, {**WHOLE, "runs": 3}),
    "metric": ("counting the pixels of a class map", metric, WHOLE),
    "depthwise": (
        "a 3x3 depthwise convolution with its gradient, in bfloat16, channels last",
        depthwise,
        dict(channels=[96, 960], size=(30, 40), batch=8, stride=1, dilation=1),
    ),
    "startup": ("the time until something happens", startup, dict(runs=3)),
    "memory": ("the peak memory of a loss, an evaluated image and a step", memory, STEP),
    "growth": ("growth with classes, pixels, files and worker processes", growth, dict(runs=3)),
    "parts": ("where the time of a step, a sample and an evaluated image goes", parts, {**STEP, "runs": 5}),
}
CPU_ONLY = ("data", "metric", "startup", "memory", "growth", "parts")
