"""`segbox bench infer`: images to class maps, by each runtime, beside the bare network and a peer's own inference."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segbox.benchmark.measure import COMPILED, FLOOR, OURS, Case, Side, local, told_first
from segbox.benchmark.models import Shape, images_and_labels, model_of, peer_model, refused
from segbox.benchmark.peers import Peer
from segbox.errors import ConfigError, UserError
from segbox.evaluation.inference import build_inference
from segbox.export.check import MOST_DIFFERENT
from segbox.export.graph import Output
from segbox.export.opened import open_exported
from segbox.export.plan import plain_plan
from segbox.export.write import check_format, export_program, write_format
from segbox.models.class_scores import at_size

Network = Callable[[Tensor], Tensor]  # images -> logits of all classes, at the head's own scale


def eager(model: nn.Module) -> Network:
    return model.logits


def channels_last(model: nn.Module) -> Network:
    model.to(memory_format=torch.channels_last)
    return lambda images: model.logits(images.contiguous(memory_format=torch.channels_last))


def compiled(model: nn.Module) -> Network:
    return torch.compile(model.logits)


RUNTIMES: dict[str, Callable[[nn.Module], Network]] = {  # another way to run a network is a line here
    "eager": eager,
    "channels_last": channels_last,
    "compile": compiled,
}
FILES = {"onnxruntime": ".onnx", "openvino": ".xml"}  # runtimes of what `segbox export` writes


def check_runtimes(names: Sequence[str], device: str) -> None:
    """Refuse other names, runtimes that are not installed, and those of files on a GPU."""
    for name in names:
        if name not in RUNTIMES and name not in FILES:
            raise ConfigError(f"--runtimes {name}: expected some of {', '.join([*RUNTIMES, *FILES])}")
        if name in FILES:
            check_format(Path(f"model{FILES[name]}"), "fp32")
        if name in FILES and device != "cpu":
            raise ConfigError(f"--runtimes {name}: exported files are timed on the CPU only; remove --device {device}")


class By(nn.Module):
    """A network that computes its logits by a runtime."""

    def __init__(self, network: Network, align_corners: bool) -> None:
        super().__init__()
        self.logits, self.align_corners = network, align_corners


def infer_cases(
    peers: Sequence[Peer],
    config: Mapping[str, Any],
    shape: Shape,
    models: Mapping[str, str],
    runtimes: Sequence[str] = ("eager", "channels_last"),
    device: str = "cpu",
) -> Iterator[Case]:
    """The config's own model, by each runtime; then the model of each peer."""
    notes: list[str] = []
    sides = own_sides(config["model"], shape, runtimes, device)
    told = [told_first(side, notes) if side.name == COMPILED else side for side in sides]
    yield Case(f"the config's model, {shape}", told, notes)
    for peer in peers:
        try:
            found = peer_model(peer, "infer", models.get(peer.name), shape)
            sides = own_sides(found.section, shape, ("eager",), device, found.weights)
        except UserError as error:
            yield Case(f"a model of {peer.name}", [], [refused(peer, error)])
            continue
        yield Case(f"{found.name} of {peer.name}, {shape}", [*sides, peer.side()])


def own_sides(
    section: Mapping[str, Any],
    shape: Shape,
    runtimes: Sequence[str],
    device: str,
    weights: Mapping[str, Tensor] | None = None,
) -> list[Side]:
    images, _ = images_and_labels(shape, device)
    bare = model_of(section, shape.classes, weights).to(device).eval()

    @torch.inference_mode()
    def bare_logits() -> Tensor:
        return at_size(bare.logits(images), shape.size, bare.align_corners)

    sides = [runtime_side(name, model_of(section, shape.classes, weights), images, device) for name in runtimes]
    return [*sides, local(FLOOR, lambda: bare_logits().argmax(dim=1), bare_logits, device)]


def runtime_side(name: str, model: nn.Module, images: Tensor, device: str) -> Side:
    """The evaluation's inference with the network run this way."""
    if name in FILES:
        return file_side(name, model.eval(), images.numpy())
    model = model.to(device).eval()
    network = RUNTIMES[name](model)
    predict = build_inference(By(network, model.align_corners))
    size = tuple(images.shape[-2:])

    @torch.inference_mode()
    def class_map() -> Tensor:
        return predict(images).classes(size)

    @torch.inference_mode()
    def logits() -> Tensor:
        return at_size(network(images), size, model.align_corners)

    return local(OURS if name == "eager" else f"{OURS}, {name}", class_map, logits, device)


def file_side(name: str, model: nn.Module, images: np.ndarray) -> Side:
    """The file of class maps that `segbox export` writes. One of logits has the numbers; its classes must be the same.

    Runtimes keep the memory of their first run, so a peak beyond it says nothing and is left out."""

    @cache
    def opened(output: Output) -> Callable[[np.ndarray], np.ndarray]:
        return written(model, output, FILES[name])

    def logits() -> np.ndarray:
        scores = opened("logits")(images)
        different = 100 * (scores.argmax(1) != opened("classes")(images)).mean()
        if different > MOST_DIFFERENT["fp32"]:
            raise UserError(f"{different:.3g} % of its classes are not those of its logits")
        return scores

    side = local(f"{OURS}, {name}", lambda: opened("classes")(images), logits)
    return replace(side, peak_mb=lambda: None)


def written(model: nn.Module, output: Output, suffix: str) -> Callable[[np.ndarray], np.ndarray]:
    """The model by the runtime of its file, on as many threads as PyTorch."""
    plan = plain_plan(model, output)
    with tempfile.TemporaryDirectory(prefix="segbox_") as folder:
        path = Path(folder, f"model{suffix}")
        write_format(plan, export_program(plan), path)
        return open_exported(path, torch.get_num_threads()).run
