"""Measure the time and memory of parts of segbox against the usual implementation.

segbox bench loss                                # cross entropy with 7, 19 and 150 classes
segbox bench loss --classes 19 --size 512 1024 --stride 4 --threads 8
segbox bench eval                                # from logits to class maps: 19 and 150 classes, 1024 x 2048
segbox bench eval --mode slide                   # by windows of 512 x 512
segbox bench metric                              # adding a class map of 1024 x 2048 to the confusion matrix
segbox bench depthwise --dilation 2              # a depthwise convolution with its gradient: 96 and 960 channels
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from segbox.errors import ConfigError
from segbox.machine import peak_mb

if TYPE_CHECKING:
    import torch

PLAIN, BANDED = "interpolate + cross_entropy", "CrossEntropyLoss"
WINDOW = (512, 512)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="SUBJECT")
    text = "cross entropy with its gradient, on small logits and full-size labels"
    loss = subjects.add_parser("loss", help=text, description=text)
    loss.set_defaults(measure=measure_loss)
    add_options(loss, classes=[7, 19, 150], size=(512, 512))
    loss.add_argument("--batch", type=count, default=2, help="images (2)")
    loss.add_argument("--stride", type=count, default=8, help="stride of the logits (8)")
    text = "from a head's logits to full-size class maps, without the network"
    evaluation = subjects.add_parser("eval", help=text, description=text)
    evaluation.set_defaults(measure=measure_eval, batch=1)
    add_options(evaluation, classes=[19, 150], size=(1024, 2048))
    evaluation.add_argument("--stride", type=count, default=8, help="stride of the logits (8)")
    evaluation.add_argument("--mode", choices=("whole", "slide"), default="whole", help="slide: windows of 512 x 512")
    text = "adding a class map to the confusion matrix; 5 percent of the pixels are ignored"
    metric = subjects.add_parser("metric", help=text, description=text)
    metric.set_defaults(measure=measure_metric, batch=1)
    add_options(metric, classes=[19, 150], size=(1024, 2048))
    text = "a 3x3 depthwise convolution with its gradient, in bfloat16, channels last"
    depthwise = subjects.add_parser("depthwise", help=text, description=text)
    depthwise.set_defaults(measure=measure_depthwise)
    add_options(depthwise, channels=[96, 960], size=(30, 40))
    depthwise.add_argument("--batch", type=count, default=8, help="images (8)")
    depthwise.add_argument("--stride", type=count, default=1, help="(1)")
    depthwise.add_argument("--dilation", type=count, default=1, help="(1)")


def add_options(subject: argparse.ArgumentParser, size: tuple[int, int], **counts: list[int]) -> None:
    """Add the options of all subjects. `counts` is the name of the varied number, and its default values."""
    [(counted, numbers)] = counts.items()
    subject.set_defaults(counted=counted)
    shown_numbers, shown_size = " ".join(map(str, numbers)), " ".join(map(str, size))
    subject.add_argument(
        f"--{counted}", dest="counts", nargs="+", type=count, default=numbers, metavar="N", help=f"({shown_numbers})"
    )
    subject.add_argument("--size", nargs=2, type=count, default=size, metavar=("H", "W"), help=f"({shown_size})")
    subject.add_argument("--threads", type=count, help="CPU threads (default: PyTorch's choice)")
    subject.add_argument(
        "--runs", type=count, default=5, help="runs of each implementation, in turns; medians are shown (5)"
    )
    subject.add_argument("--device", default="cpu", help='"cpu" or "cuda" (cpu)')
    subject.add_argument("--json", action="store_true", help="print exact numbers as JSON")


def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def run(args: argparse.Namespace) -> None:
    args.measure(args)


def measure_loss(args: argparse.Namespace) -> None:
    measure(args, loss_sides, f"logits at stride {args.stride}, float32", "forward and backward, ")


def measure_eval(args: argparse.Namespace) -> None:
    measure(args, eval_sides, f"logits at stride {args.stride}, float32, {args.mode}")


def measure_metric(args: argparse.Namespace) -> None:
    measure(args, metric_sides, "bytes")


def measure_depthwise(args: argparse.Namespace) -> None:
    what = f"bfloat16, channels last, stride {args.stride}, dilation {args.dilation}"
    measure(args, depthwise_sides, what, "forward and backward, ")


def measure(args: argparse.Namespace, make_sides: Callable, what: str, how: str = "") -> None:
    """Print the time and memory of both implementations, for each number of classes or channels."""
    import torch

    if args.device not in ("cpu", "cuda"):
        raise ConfigError(f'--device {args.device}: expected "cpu" or "cuda"')
    if args.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: PyTorch finds no GPU here")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    numbers = {}
    for number in args.counts:
        sides = make_sides(number, args)
        numbers[number] = {
            side: {**times, "peak_mb": peak_mb(sides[side], args.device)}
            for side, times in measure_in_turns(sides, args.runs, args.device).items()
        }
    setting = {
        name: value
        for name, value in vars(args).items()
        if name not in ("measure", "counts", "counted", "json", "subject")
    }
    setting |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    if args.json:
        print(json.dumps({"setting": setting, args.counted: numbers}, indent=1))
    else:
        print(table(numbers, args.counted, setting, what, how))


def loss_sides(num_classes: int, args: argparse.Namespace) -> dict[str, Callable[[], "torch.Tensor"]]:
    """Two implementations from the same logits to their gradient."""
    import torch
    import torch.nn.functional as F

    from segbox import IGNORE_INDEX
    from segbox.models.losses.cross_entropy import CrossEntropyLoss

    torch.manual_seed(0)
    size = tuple(args.size)
    small = [-(-side // args.stride) for side in size]
    logits = torch.randn(args.batch, num_classes, *small, device=args.device, requires_grad=True)
    labels = torch.randint(0, num_classes, (args.batch, *size), dtype=torch.uint8, device=args.device)
    labels[:, : size[0] // 16] = IGNORE_INDEX
    banded = CrossEntropyLoss(num_classes).to(args.device)

    def plain_gradient() -> torch.Tensor:
        wide = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        return torch.autograd.grad(F.cross_entropy(wide, labels.long(), ignore_index=IGNORE_INDEX), logits)[0]

    def banded_gradient() -> torch.Tensor:
        return torch.autograd.grad(banded(logits, labels), logits)[0]

    return {PLAIN: plain_gradient, BANDED: banded_gradient}


def eval_sides(num_classes: int, args: argparse.Namespace) -> dict[str, Callable[[], "torch.Tensor"]]:
    """Two implementations from the same logits to the same class map."""
    import torch
    from torch import Tensor

    from segbox.evaluation.inference import build_inference, starts
    from segbox.models.layers import resize

    torch.manual_seed(0)
    size = tuple(args.size)
    is_slide = args.mode == "slide"
    window = tuple(map(min, WINDOW, size)) if is_slide else size
    logits = torch.randn(1, num_classes, *(-(-side // args.stride) for side in window), device=args.device)
    images = torch.zeros(1, 3, *size, dtype=torch.uint8, device=args.device)

    class Known(torch.nn.Module):
        def logits(self, images: Tensor) -> Tensor:
            return logits.expand(len(images), -1, -1, -1)

    def plain() -> Tensor:
        if not is_slide:
            return resize(logits, size).softmax(dim=1).max(dim=1).indices
        total, seen = logits.new_zeros(1, num_classes, *size), logits.new_zeros(size)
        for y in starts(size[0], window[0], WINDOW[0] * 2 // 3):
            for x in starts(size[1], window[1], WINDOW[1] * 2 // 3):
                total[..., y : y + window[0], x : x + window[1]] += resize(logits, window).softmax(dim=1)
                seen[y : y + window[0], x : x + window[1]] += 1
        return total.div_(seen).max(dim=1).indices

    predict = build_inference(Known(), args.mode, window)
    return {"full-size probabilities": plain, "ScoreMap": lambda: predict(images).classes(size)}


def metric_sides(num_classes: int, args: argparse.Namespace) -> dict[str, Callable[[], Any]]:
    """The usual NumPy implementation and ConfusionMatrix; both count on the CPU."""
    import numpy as np
    import torch

    from segbox import IGNORE_INDEX
    from segbox.evaluation.metrics import ConfusionMatrix

    rng = np.random.default_rng(0)
    prediction, target = rng.integers(0, num_classes, (2, *args.size)).astype(np.uint8)
    target[: args.size[0] // 20] = IGNORE_INDEX
    matrix = ConfusionMatrix([str(k) for k in range(num_classes)])
    prediction_tensor, target_tensor = torch.from_numpy(prediction).to(args.device), torch.from_numpy(target)

    def plain() -> Any:
        valid = target != IGNORE_INDEX
        own = prediction_tensor.cpu().numpy()
        pairs = target[valid].astype(np.int64) * num_classes + own[valid]
        return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)

    def packed() -> Any:
        matrix.counts[:] = 0
        matrix.update(prediction_tensor, target_tensor)
        return matrix.counts

    return {"mask + bincount": plain, "ConfusionMatrix": packed}


def depthwise_sides(channels: int, args: argparse.Namespace) -> dict[str, Callable[[], Any]]:
    """The forward of nn.Conv2d and that of DepthwiseConv2d, with the same weights."""
    import torch

    from segbox.models.layers import DepthwiseConv2d

    torch.manual_seed(0)
    layer = DepthwiseConv2d(channels, 3, args.stride, args.dilation).to(args.device, torch.bfloat16)
    x = torch.randn(args.batch, channels, *args.size, device=args.device, dtype=torch.bfloat16)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()

    def gradients(forward: Callable) -> Any:
        y = forward(layer, x)
        return torch.autograd.grad(y, (x, layer.weight), torch.ones_like(y))

    return {
        "torch.nn.Conv2d": lambda: gradients(torch.nn.Conv2d.forward),
        "DepthwiseConv2d": lambda: gradients(DepthwiseConv2d.forward),
    }


def measure_in_turns(sides: Mapping[str, Callable], runs: int, device: str) -> dict[str, dict[str, float]]:
    """Medians of wall-clock and CPU seconds. The first turn is a warm-up."""
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(runs + 1):
        for side, run in sides.items():
            taken[side].append(seconds_of(run, device))
    medians = {side: [statistics.median(column) for column in zip(*some[1:])] for side, some in taken.items()}
    return {side: {"seconds": wall, "cpu_seconds": cpu} for side, (wall, cpu) in medians.items()}


def seconds_of(run: Callable, device: str) -> tuple[float, float]:
    wait(device)
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wait(device)
    return time.perf_counter() - wall, time.process_time() - cpu


def wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def table(
    numbers: Mapping[int, Mapping[str, Mapping[str, Any]]],
    counted: str,
    setting: Mapping[str, Any],
    what: str,
    how: str,
) -> str:
    from terminaltables import AsciiTable

    rows = [[counted, "", "seconds", "CPU seconds", "peak MB"]]
    for number, sides in numbers.items():
        for side, own in sides.items():
            rows.append([str(number), side, *(shown(own[key]) for key in ("seconds", "cpu_seconds", "peak_mb"))])
        rows.append(["", "ratio", *ratios(*sides.values())])
    drawn = AsciiTable(rows)
    drawn.justify_columns = dict.fromkeys((0, 2, 3, 4), "right")
    height, width = setting["size"]
    return (
        f"{drawn.table}\n{setting['batch']} x {height} x {width}, {what}, {setting['device']}, {setting['threads']}"
        f" thread(s), PyTorch {setting['torch']}; {how}medians of {setting['runs']} runs in turns; peak MB beyond the"
        " inputs"
    )


def ratios(plain: Mapping[str, Any], banded: Mapping[str, Any]) -> list[str]:
    """The factors by which the second implementation is cheaper."""
    pairs = [(plain[key], banded[key]) for key in ("seconds", "cpu_seconds", "peak_mb")]
    return ["-" if not a or not b else f"{a / b:.1f} x less" for a, b in pairs]


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if value < 10 else f"{value:.0f}"
