"""How unsure a model is of a picture, about which classes, and what the picture looks like to it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segbox.data.readers.files import read_image
from segbox.evaluation.predictor import Predictor
from segbox.evaluation.score_map import ScoreMap, normalized_entropy

WORST = 0.25  # the share of a picture that counts: an empty sky must not outweigh a strange object
CLOSE = 1 / 3  # the model is unsure where its two most probable classes differ by less
LENGTH = 128  # of a picture's features, at most: 100 000 pictures take 51 MB


@dataclass(frozen=True, slots=True)
class Doubt:
    """`uncertainty`: the mean normalised entropy of the most uncertain quarter. `share`: the part of the picture where
    the model is unsure; `between`: the two classes between which it most often is."""

    uncertainty: float
    share: float
    between: tuple[int, int] | None


def doubt_of(scores: ScoreMap) -> Doubt:
    """At the scores' own size: a larger one adds no information."""
    entropies, pairs = [], []
    num_classes = scores.shape[1]
    for _, logits in scores.bands(scores.own_size):
        probabilities = logits[0].softmax(dim=2)
        entropies.append(normalized_entropy(probabilities, dim=2).flatten())
        values, classes = probabilities.topk(min(2, num_classes), dim=2)
        low, high = classes.min(dim=2).values, classes.max(dim=2).values
        is_close = values[..., 0] - values[..., -1] < CLOSE if num_classes > 1 else torch.zeros_like(low, dtype=bool)
        pairs.append((low * num_classes + high)[is_close])
    entropy, unsure = torch.cat(entropies), torch.cat(pairs)
    worst = entropy.topk(max(1, round(WORST * len(entropy)))).values
    between = divmod(int(unsure.mode().values), num_classes) if len(unsure) else None
    return Doubt(float(worst.mean()), len(unsure) / len(entropy), between)


class Looker:
    """Doubt and features of pictures, both from one run of the model."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.pooled: list[Tensor] = []
        self.projection: np.ndarray | None = None
        predictor.model.backbone.register_forward_hook(self.keep)

    def keep(self, backbone: nn.Module, arguments: object, maps: tuple[Tensor, ...]) -> None:
        self.pooled.append(maps[-1].float().mean(dim=(0, 2, 3)))

    def __call__(self, path: Path) -> tuple[Doubt, np.ndarray]:
        self.pooled.clear()
        image = read_image(path, self.predictor.channels, self.predictor.bits, self.predictor.exif)
        doubt = self.predictor.summary(image, doubt_of)
        features = torch.stack(self.pooled).mean(dim=0).cpu().numpy()  # over windows, flips and scales
        if self.projection is None:
            self.projection = projection(len(features))
        return doubt, features @ self.projection


def projection(length: int) -> np.ndarray:
    """A random matrix, always the same, that nearly keeps distances (Johnson and Lindenstrauss)."""
    if length <= LENGTH:
        return np.eye(length, dtype=np.float32)
    return np.random.default_rng(0).standard_normal((length, LENGTH), np.float32) / np.float32(LENGTH**0.5)
