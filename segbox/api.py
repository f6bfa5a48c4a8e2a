"""segbox in a Python program: `segbox.load` gives a trained model, to call with images; `segbox.Predictor` takes the
batches of Ray Data, Dask or Spark."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from segbox.config import load_config
from segbox.engine.devices import choose_device
from segbox.evaluation.predictor import Predictor as OpenPredictor
from segbox.evaluation.pretrained_folder import save_pretrained
from segbox.viz.columns import check_columns, predict_columns
from segbox.viz.prediction import Prediction, as_image


def load(
    name: str | Path, device: str | torch.device | None = None, config: str | Path | Mapping[str, Any] | None = None
) -> "LoadedModel":
    """A trained model: a checkpoint, a published folder, or a word such as "hf://OWNER/NAME", "mmseg://NAME" or
    "torchvision://fcn_resnet50".

        segbox.load("work_dirs/my_data/best.pt")("photo.jpg").save("photo_overlay.png")

    `device` is the GPU by default, if there is one. `config` replaces the config that a checkpoint holds.
    """
    if isinstance(config, str | Path):
        config = load_config(config)
    return LoadedModel(OpenPredictor(config, name, choose_device(None if device is None else str(device))))


class LoadedModel:
    """Segments images. A pickled one holds the name of the weights, not the weights: the copy loads them when it is
    first called."""

    def __init__(self, predictor: OpenPredictor) -> None:
        self.predictor = predictor

    def __call__(self, images: Any) -> Prediction | list[Prediction]:
        """The prediction of an image: a path, an array (H W C, RGB), or a PIL image. Of a list of them, a list."""
        if isinstance(images, list | tuple):
            return [self(image) for image in images]
        image = as_image(images, self.predictor)
        return Prediction(image, self.predictor.class_map(image), self.predictor)

    def stream(self, images: Iterable[Any]) -> Iterable[Prediction]:
        """The predictions of many images, one after the other."""
        return map(self, images)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.predictor.classes

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """The colours of the classes."""
        return self.predictor.palette

    @property
    def model(self) -> torch.nn.Module:
        """The PyTorch module: images B C H W (bytes) -> logits."""
        return self.predictor.model

    @property
    def config(self) -> Mapping[str, Any]:
        """The config by which the model was built and is run."""
        return self.predictor.opened.config

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write the model for others: config.json, model.safetensors and README.md, which `load(folder)` reads."""
        save_pretrained(self.predictor.opened, Path(folder))
        return Path(folder)

    def __repr__(self) -> str:
        return f"LoadedModel({str(self.predictor.checkpoint)!r}, device={str(self.predictor.device)!r})"


class Predictor:
    """Segments batches of rows, a dict of columns each: for `map_batches` of Ray Data, and the like of Dask and Spark.

    Rows have an "image" (arrays H W C), "bytes" (of a file) or a "path". The result has the other columns of the batch,
    those of `columns` (classes, mask, areas, confidence, entropy, probs), and "error". A pickled one holds the name of
    the weights; they are loaded at the first call, on the GPU if there is one. Arguments as in `load`.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        columns: Sequence[str] = ("classes",),
        device: str | None = None,
        config: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        check_columns(columns)
        path = Path(checkpoint)
        self.checkpoint = str(path.resolve() if path.exists() else checkpoint)  # for other folders
        self.columns = tuple(columns)
        self.device = device
        self.config = load_config(config) if isinstance(config, str | Path) else config

    @cached_property
    def model(self) -> LoadedModel:
        return load(self.checkpoint, self.device, self.config)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "model"}

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        return predict_columns(self.model.predictor, batch, self.columns)
