"""The models that `segbox init` chooses from, and how each is trained. A table: no code knows one of them by name."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segbox.errors import ConfigError

OWN_BATCH = 8  # the batch that the rates below are for


@dataclass(frozen=True)
class Recipe:
    """`model` is a file of configs/_base_/models, `gflops` of a prediction for 512 x 512 pixels and 19 classes.

    With `lr=None`, a model that is not in the table, the optimizer is that of `schedule`.
    """

    model: str
    title: str
    stride: int  # crops are multiples of it
    gflops: float
    lr: float | None = None  # AdamW's, of the backbone
    head_lr_mult: float = 3.0
    schedule: str = "adamw_poly"
    has_pyramid: bool = False  # of DeepLab, with its mean of the whole image
    frozen_stages: int = 0  # on a CPU, from weights of images like these: steps are a quarter shorter

    def rate(self, batch: int) -> float:
        """The rate for a batch: AdamW's follows its square root."""
        return float(f"{self.lr * math.sqrt(batch / OWN_BATCH):.2g}")


# From light to heavy. The rates of MobileNetV2 were measured (docs/results.md), the others are the usual ones.
RECIPES = (
    Recipe("lraspp_mnv2", "LR-ASPP on MobileNetV2", 16, 4.9, 1.5e-3, frozen_stages=2),
    Recipe("deeplabv3plus_mnv2", "DeepLabV3+ on MobileNetV2", 16, 6.0, 1.5e-3, has_pyramid=True, frozen_stages=2),
    Recipe("deeplabv3plus_r18", "DeepLabV3+ on ResNet-18", 16, 34.1, 7e-4, has_pyramid=True),
    Recipe("unet_r34", "U-Net on ResNet-34", 32, 69.7, 5e-4),
    Recipe("deeplabv3plus_r50", "DeepLabV3+ on ResNet-50", 16, 75.4, 3e-4, has_pyramid=True),
    Recipe("deeplabv3plus_r101", "DeepLabV3+ on ResNet-101", 16, 114.1, 2e-4, has_pyramid=True),
)
BY_NAME = {recipe.model: recipe for recipe in RECIPES}
PURPOSES = {
    "speed": RECIPES[:2],
    "balance": RECIPES[:5],
    "accuracy": RECIPES[1:],
}
WITH_ADAM = ("segformer", "linear")  # transformers do not learn with plain SGD


def recipes_for(purpose: str, model: str | None) -> Sequence[Recipe]:
    """The models to choose from, from light to heavy; only `model`, if it is given."""
    if purpose not in PURPOSES:
        raise ConfigError(f"--for {purpose}: expected one of {', '.join(PURPOSES)}")
    if model is None:
        return PURPOSES[purpose]
    schedule = "adamw_poly" if model.startswith(WITH_ADAM) else "sgd_poly"
    return (BY_NAME.get(model) or Recipe(model, model, 32, math.nan, schedule=schedule),)
