"""What is exported: the graph of a trained model, and all that its users must know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from segbox import __version__
from segbox.errors import ConfigError, UserError
from segbox.evaluation.inference import pair
from segbox.evaluation.open_model import DEFAULT_TEST
from segbox.evaluation.predictor import Predictor
from segbox.export.graph import Graph, Output
from segbox.weights.digest import digest_of_weights

Size = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """`graph` is in float32, whatever the file computes in. `size` is the fixed height and width, or None: both are
    free. `metadata` goes into the file, as JSON."""

    graph: Graph
    size: Size | None
    metadata: Mapping[str, Any]

    def of_file(self) -> Graph:
        """The graph that is traced; onnxruntime makes the 8 bits of it."""
        return self.graph.in_half() if self.metadata["precision"] == "fp16" else self.graph


def plan_export(predictor: Predictor, output: Output | None, size: Size | None, precision: str) -> Plan:
    """`output` None: classes, or probabilities for models that are run by windows. `precision`: fp32, fp16 or int8."""
    test = {**DEFAULT_TEST, **(predictor.opened.config.get("test") or {})}
    refuse_other_steps(predictor, test)
    is_by_windows = test["mode"] == "slide"
    window = pair(test["window"]) if is_by_windows else None
    output = output or ("probabilities" if is_by_windows else "classes")
    if is_by_windows and output == "classes":
        raise ConfigError(
            '--output classes: the model is run by windows (test.mode="slide"), whose probabilities are averaged; take'
            " --output probabilities, or --cfg-options test.mode=whole"
        )
    if window is not None and size not in (None, window):
        raise ConfigError(f"--size {size[0]} {size[1]}: the model is run by windows of {window[0]} {window[1]}")
    is_of_bytes = predictor.bits == 8
    graph = Graph(predictor.model, output, test["divisor"], test["flip"], is_of_bytes)
    known = dict(output=output, size=size, window=window, stride=stride_of(test, window), precision=precision)
    given = {name: test[name] for name in ("divisor", "flip")}
    return Plan(graph, size, {**described(predictor), **known, **given})


def plain_plan(model: nn.Module, output: Output) -> Plan:
    """Of a model that no checkpoint describes: one pass over bytes of any size, in float32."""
    known = {"input": "uint8", "channels": model.mean.numel(), "precision": "fp32"}
    levels = {"mean": model.mean.flatten().tolist(), "std": model.std.flatten().tolist()}
    return Plan(Graph(model, output, 1, False, True), None, {**known, **levels})


def refuse_other_steps(predictor: Predictor, test: Mapping[str, Any]) -> None:
    """Refuse what one pass of the network over the image's own pixels does not do."""
    if not hasattr(predictor.model, "maps_and_features"):
        raise UserError(f"{type(predictor.model).__name__} cannot be exported; segbox export takes an EncoderDecoder")
    if tuple(test["scales"]) != (1.0,):
        raise ConfigError(
            f"test.scales is {tuple(test['scales'])}; an exported file runs the model at scale 1 only. Add"
            ' --cfg-options "test.scales=[1.0]"'
        )
    if predictor.pipeline.transforms:
        steps = ", ".join(type(step).__name__ for step in predictor.pipeline.transforms)
        raise ConfigError(
            f"{predictor.pipeline.path} has {steps}: segbox predict changes images before the model sees them, an"
            " exported file does not. Add --cfg-options data.val.pipeline=[] and do the same to the images yourself"
        )


def stride_of(test: Mapping[str, Any], window: Size | None) -> Size | None:
    """Two thirds of the window by default, as in `build_inference`."""
    if window is None:
        return None
    return pair(test["stride"]) if test["stride"] is not None else tuple(max(1, side * 2 // 3) for side in window)


def described(predictor: Predictor) -> dict[str, Any]:
    model, saved = predictor.model, predictor.opened.saved
    return {
        "segbox": __version__,
        "classes": list(predictor.classes),
        "palette": [list(colour) for colour in predictor.palette],
        "input": "uint8" if predictor.bits == 8 else "float32",
        "channels": predictor.channels,
        "bits": predictor.bits,
        "exif": predictor.exif,
        "mean": model.mean.flatten().tolist(),
        "std": model.std.flatten().tolist(),
        "threshold": 0.5 if model.head_builders[0].is_binary else None,  # of the probability of class 1
        "licence": saved.licence,
        "checkpoint": saved.source,
        "weights_sha256": digest_of_weights(model),
    }
