"""Loads a trained model and predicts single images."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from segbox.config import Config
from segbox.data.loader import bits_of, exif_of, pipeline_of
from segbox.data.palette import Colour
from segbox.data.readers.format import KINDS
from segbox.data.sample import Sample, as_tensor
from segbox.data.transforms.pipeline import Pipeline, build_pipeline
from segbox.errors import ConfigError, DataError
from segbox.evaluation.inference import InferenceFunction, build_inference
from segbox.evaluation.open_model import Opened, open_model
from segbox.evaluation.out_of_memory import scoring_explained
from segbox.evaluation.score_map import ScoreMap
from segbox.interop.saved import Saved
from segbox.registry import call

Result = TypeVar("Result")
BATCH_PIXELS, MOST_IMAGES = 2**20, 32  # of a batch on a GPU, at most


class Predictor:
    """Predicts class maps or probabilities of images (RGB, H W C) at their own size, with the config's val pipeline.

    Of a batch of images of one size, B H W C, results have B as their first dimension too.

    `checkpoint` is a path, another word that `read_saved` knows, or what that has read; without a config, its own is
    used. Read images with `read_image(path, predictor.channels, predictor.bits, predictor.exif)`. A pickled predictor
    holds no weights: its copy opens the same checkpoint when it is first used.
    """

    def __init__(self, config: Config | None, checkpoint: str | Path | Saved, device: torch.device) -> None:
        self.config = config
        self.checkpoint = checkpoint.source if isinstance(checkpoint, Saved) else checkpoint
        self.device = device
        path = Path(self.checkpoint)
        self.absolute = path.resolve() if path.exists() else self.checkpoint  # for other folders
        self.opened = open_model(checkpoint, config)
        _ = self.predict, self.pipeline, self.classes, self.palette  # mistakes are told here, not at the first image

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "checkpoint": self.absolute, "absolute": self.absolute, "device": self.device}

    @cached_property
    def opened(self) -> Opened:
        return open_model(self.checkpoint, self.config)

    @cached_property
    def model(self) -> nn.Module:
        return self.opened.model.eval().to(self.device)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return self.opened.names()

    @cached_property
    def palette(self) -> list[Colour]:
        return self.opened.palette()

    @cached_property
    def predict(self) -> InferenceFunction:
        test = dict(self.opened.config.get("test") or {})
        if test.get("mode") == "crop":
            raise ConfigError(
                "test.mode: crop is for scores only; predictions cover the whole image: use whole or slide"
            )
        return call(build_inference, test, "test", model=self.model)

    @cached_property
    def pipeline(self) -> Pipeline:
        data = self.opened.config.get("data") or {}
        pipeline = build_pipeline(*pipeline_of(data.get("val") or {}, "data.val"))
        pipeline.check_keeps_view()
        return pipeline

    @property
    def channels(self) -> int:
        return self.model.mean.numel()

    @property
    def bits(self) -> int:
        return bits_of(self._images)

    @property
    def exif(self) -> bool:
        return exif_of(self._images)

    @property
    def _images(self) -> Mapping[str, Any]:
        """The config of the images that the model is for."""
        data = self.opened.config.get("data") or {}
        return data.get("val") or data.get("train") or {}

    def images_per_batch(self, image: np.ndarray) -> int:
        """How many images of this size to predict at once. On a CPU, several take as long as one after the other."""
        if self.device.type == "cpu":
            return 1
        return max(1, min(MOST_IMAGES, BATCH_PIXELS // (image.shape[0] * image.shape[1])))

    def probabilities(self, image: np.ndarray) -> torch.Tensor:
        """K H W."""
        return self._read(image, lambda scores, size: [scores.probabilities(size)])[0]

    def class_map(self, image: np.ndarray) -> np.ndarray:
        """H W class ids."""
        return self._read(image, lambda scores, size: [scores.classes(size)])[0].numpy()

    def certainty(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """H W each, from one run of the model: class ids, the probabilities of these, and the normalised entropies."""
        label, confidence, entropy = self._read(image, ScoreMap.classes_confidences_entropies)
        return label.numpy(), confidence.numpy(), entropy.numpy()

    @torch.inference_mode()
    def summary(self, image: np.ndarray, summarize: Callable[[ScoreMap], Result]) -> Result:
        """What the function makes of the image's scores."""
        with scoring_explained(1, image.shape, self.device):
            return summarize(self._scores(image[None]))

    @torch.inference_mode()
    def _read(self, image: np.ndarray, read: Callable[[ScoreMap, tuple], Sequence[torch.Tensor]]) -> list[torch.Tensor]:
        """What is read from the scores: of an image H W C, or for each image of a batch B H W C."""
        images = image if image.ndim == 4 else image[None]
        size = images.shape[1:3]
        with scoring_explained(len(images), size, self.device, first="--batch-size 1"):
            found = [part.cpu() for part in read(self._scores(images), size)]
        return found if image.ndim == 4 else [part[0] for part in found]

    def _scores(self, images: np.ndarray) -> ScoreMap:
        """Of images B H W C."""
        if self.bits != 8 and images.dtype not in KINDS[self.bits]:
            raise DataError(
                f"the model was trained on images of {self.bits} bits per channel ({KINDS[self.bits][0]}), in whose"
                f" units its mean and std are; this one is {images.dtype}"
            )
        return self.predict(torch.stack([self._input(image) for image in images]).to(self.device))

    def _input(self, image: np.ndarray) -> torch.Tensor:
        """What the val pipeline makes of an image: C H W."""
        sample: Sample = {"image": image, "path": "", "size": (image.shape[0], image.shape[1])}
        sample = self.pipeline(sample, random.Random(0))
        return as_tensor(sample["image"])
