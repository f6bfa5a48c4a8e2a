"""How sure a model is of each pixel: confidence and entropy, as arrays and as grey pictures."""

from collections.abc import Collection

import numpy as np

from segbox.evaluation.predictor import Predictor
from segbox.evaluation.score_map import normalized_entropy

CERTAINTY = ("confidence", "entropy")


def predicted_maps(predictor: Predictor, image: np.ndarray, kinds: Collection[str]) -> dict[str, np.ndarray]:
    """What the kinds of output need, from one run of the model: "label" always, "probs" (K H W) and certainty if asked.

    "confidence" is the probability of the class in "label"; "entropy" is 0 to 1. H W each. Of images B H W C of one
    size, all maps have B as their first dimension.
    """
    if "probs" in kinds:
        probabilities = predictor.probabilities(image)
        confidence, label = probabilities.max(dim=-3)
        maps = {
            "label": label.numpy().astype(np.uint8),
            "probs": probabilities.numpy(),
            "confidence": confidence.numpy(),
        }
        if "entropy" in kinds:
            maps["entropy"] = normalized_entropy(probabilities, dim=-3).numpy()
        return maps
    if set(kinds) & set(CERTAINTY):
        return dict(zip(("label", *CERTAINTY), predictor.certainty(image)))
    return {"label": predictor.class_map(image)}


def as_grey(values: np.ndarray) -> np.ndarray:
    """0 to 1 as bytes, 0 to 255."""
    return np.rint(255 * values).astype(np.uint8)
