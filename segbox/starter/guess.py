"""The time of a setup without measuring it: for a machine at hand that is not the one that will train."""

import math

from segbox.config import load_config, shipped_configs
from segbox.machine import cores
from segbox.models.complexity import build_without_data, costs_of
from segbox.starter.fingerprint import Fingerprint
from segbox.starter.setup import Measured, Setup

TRAINING = 3  # times the operations of a prediction: forward, and twice as many backward
GFLOPS_A_SECOND = {"cpu": 15.0, "cuda": 5000.0}  # of a core, of a GPU
MIRRORED = 2  # predictions of an image
START_SECONDS = 15.0


def guess(setup: Setup, facts: Fingerprint, device_type: str) -> Measured:
    """By the operations of the model, and usual speeds of a core or a GPU."""
    speed = GFLOPS_A_SECOND[device_type] * (cores() if device_type == "cpu" else 1)
    gflops = setup.gflops
    if math.isnan(gflops):
        gflops = counted_gflops(setup)
    area = setup.scale**2 * facts.median[0] * facts.median[1] / (setup.crop[0] * setup.crop[1])
    an_image = MIRRORED * gflops / setup.batch * area / speed
    return Measured(setup, TRAINING * gflops / speed, facts.val_images * an_image, START_SECONDS, is_guess=True)


def counted_gflops(setup: Setup) -> float:
    config = load_config(shipped_configs() / "_base_" / "models" / f"{setup.recipe.model}.py")
    return setup.batch * costs_of(build_without_data(config.model, 19), setup.crop)["total"].flops / 1e9
