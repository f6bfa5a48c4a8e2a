"""The table of docs/api.md, from signatures and docstrings: python -m tests.api_table --write"""

import importlib
import inspect
from typing import Any

from segbox.commands.list import markdown
from tests.generated_table import put_table
from tests.runs import ROOT

PAGE = ROOT / "docs" / "api.md"
BEGIN, END = "<!-- names:begin -->\n", "<!-- names:end -->"
NAMES = {  # module: what a program may use of it
    "segbox": ("load", "LoadedModel", "Predictor"),
    "segbox.viz.prediction": ("Prediction", "Prediction.overlay", "Prediction.areas", "Prediction.save"),
    "segbox.commands": ("main",),
    "segbox.config": ("load_config",),
    "segbox.models.segmentors": ("build_segmentor",),
    "segbox.models.encoder_decoder": (
        "EncoderDecoder.load_parameters",
        "EncoderDecoder.load_backbone_parameters",
        "EncoderDecoder.freeze_backbone",
        "EncoderDecoder.freeze_batch_norm",
        "EncoderDecoder.reset_classes",
    ),
    "segbox.models.complexity": ("costs_of",),
    "segbox.data.loader": ("build_dataset", "train_loader", "val_loader"),
    "segbox.data.readers.files": ("read_image", "read_label"),
    "segbox.evaluation.evaluator": ("Evaluator",),
    "segbox.evaluation.metrics": ("ConfusionMatrix",),
    "segbox.evaluation.predictor": (
        "Predictor",
        "Predictor.class_map",
        "Predictor.probabilities",
        "Predictor.certainty",
    ),
    "segbox.engine.build": ("build_runner",),
    "segbox.registry": ("Registry.register", "Registry.build"),
}


def table() -> str:
    rows = [row_of(module, name) for module, names in NAMES.items() for name in names]
    return markdown(("Module", "Name and arguments", "Is"), rows) + "\n"


def row_of(module: str, name: str) -> list[str]:
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return [f"`{module}`", f"`{name}{arguments_of(value)}`", sentence(inspect.getdoc(value)).replace("|", "\\|")]


def arguments_of(value: Any) -> str:
    """Names and defaults, without annotations."""
    signature = inspect.signature(value)
    own = [bare(parameter) for parameter in signature.parameters.values() if parameter.name != "self"]
    return str(signature.replace(parameters=own, return_annotation=inspect.Signature.empty)).replace("Ellipsis", "...")


def bare(parameter: inspect.Parameter) -> inspect.Parameter:
    """Without annotation; a function as a default is shown as `...`."""
    default = ... if inspect.isfunction(parameter.default) else parameter.default
    return parameter.replace(annotation=parameter.empty, default=default)


def sentence(text: str) -> str:
    """The first paragraph of a docstring."""
    return " ".join(text.split("\n\n")[0].split())


if __name__ == "__main__":
    put_table(PAGE, table(), BEGIN, END)
