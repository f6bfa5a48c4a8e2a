"""Loads a trained model and predicts single images."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segbox.config import Config
from segbox.data.class_names import checked_classes
from segbox.data.loader import bits_of, exif_of, pipeline_of
from segbox.data.palette import checked_palette
from segbox.data.readers.format import KINDS
from segbox.data.sample import Sample, as_tensor
from segbox.data.transforms.pipeline import build_pipeline
from segbox.errors import CheckpointError, ConfigError, DataError
from segbox.evaluation.inference import build_inference
from segbox.evaluation.out_of_memory import scoring_explained
from segbox.evaluation.score_map import ScoreMap
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.registry import call, import_extensions
from segbox.weights.loading import load_weights, read_checkpoint, weights_in
from segbox.weights.mean_std import require_same_mean_std
from segbox.weights.sources.find import find_weights

DESCRIPTION = ("classes", "palette")  # what is read of a checkpoint beside the weights


def load_model(config: Config, path: str | Path, num_classes: int | None = None) -> tuple[torch.nn.Module, Mapping]:
    """The model of a config with the weights of a checkpoint, and the checkpoint's classes and palette."""
    import_extensions(config.get("imports", ()))
    content = read_checkpoint(find_weights(path).path, lazily=True)
    described = {key: content[key] for key in DESCRIPTION if isinstance(content, Mapping) and key in content}
    own = described.get("classes")
    if own is not None:
        checked_classes(own, f"{path}: classes")
    weights = weights_in(content, path)
    model = build_segmentor(without_weights(config["model"]), num_classes or (len(own) if own else None))
    load_weights(model, weights, path, reconcile=require_same_mean_std)
    return model, described


def check_classes(content: Mapping[str, Any], classes: Sequence[str], path: str | Path) -> None:
    """Refuse a checkpoint that was trained on other classes than those of the data set."""
    own = content.get("classes")
    if own is not None and list(own) != list(classes):
        raise ConfigError(f"{path} was trained on {', '.join(own)}; the config's data set has {', '.join(classes)}")


class Predictor:
    """Predicts class maps or probabilities of images (RGB, H W C) at their own size, with the config's val pipeline.

    Read images with `read_image(path, predictor.channels, predictor.bits, predictor.exif)`.
    """

    def __init__(self, config: Config, checkpoint: str | Path, device: torch.device) -> None:
        self.model, content = load_model(config, checkpoint)
        self.model.eval().to(device)
        if "classes" not in content:
            raise CheckpointError(f"{checkpoint}: holds no class names; use a checkpoint that segbox train wrote")
        self.classes = checked_classes(content["classes"], f"{checkpoint}: classes")
        self.palette = checked_palette(content.get("palette"), len(self.classes), f"{checkpoint}: palette")
        self.channels = self.model.mean.numel()
        self.device = device
        test = dict(config.get("test", {}))
        if test.get("mode") == "crop":
            raise ConfigError(
                "test.mode: crop is for scores only; predictions cover the whole image: use whole or slide"
            )
        self.predict = call(build_inference, test, "test", model=self.model)
        data = config.get("data", {})
        own = data.get("val") or data.get("train") or {}
        self.bits, self.exif = bits_of(own), exif_of(own)
        self.pipeline = build_pipeline(*pipeline_of(data.get("val") or {}, "data.val"))
        self.pipeline.check_keeps_view()

    @torch.inference_mode()
    def probabilities(self, image: np.ndarray) -> torch.Tensor:
        """K H W."""
        with scoring_explained(1, image.shape, self.device):
            return self._scores(image).probabilities(image.shape[:2])[0].cpu()

    @torch.inference_mode()
    def class_map(self, image: np.ndarray) -> np.ndarray:
        """H W class ids."""
        with scoring_explained(1, image.shape, self.device):
            return self._scores(image).classes(image.shape[:2])[0].cpu().numpy()

    def _scores(self, image: np.ndarray) -> ScoreMap:
        if self.bits != 8 and image.dtype not in KINDS[self.bits]:
            raise DataError(
                f"the model was trained on images of {self.bits} bits per channel ({KINDS[self.bits][0]}), in whose"
                f" units its mean and std are; this one is {image.dtype}"
            )
        size = image.shape[0], image.shape[1]
        sample: Sample = {"image": image, "path": "", "size": size}
        sample = self.pipeline(sample, random.Random(0))
        return self.predict(as_tensor(sample["image"])[None].to(self.device))
