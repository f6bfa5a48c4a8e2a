"""Data sets and machines that are not there."""

import math
from dataclasses import replace

from segbox.starter.fingerprint import Fingerprint
from segbox.starter.setup import Measured

CITY = Fingerprint(
    train_images=367,
    val_images=101,
    median=(360, 480),
    largest=(360, 480),
    has_one_size=True,
    classes=("road", "pole"),
    fractions=(0.7, 0.3),
    widths=(60.0, 20.0),
    channels=3,
    bits=8,
)


def facts(**changes):
    return replace(CITY, **changes)


class Machine:
    """Measures setups by a formula: the operations of a training step, at so many per second."""

    def __init__(self, gflops_a_second=25.0, evaluation=30.0, start=5.0, amp=None, fits=math.inf):
        self.speed, self.evaluation, self.start, self.amp, self.fits = gflops_a_second, evaluation, start, amp, fits
        self.asked = []

    def __call__(self, setup, worth):
        self.asked.append((setup.recipe.model, setup.crop, setup.scale))
        while setup.batch * setup.crop[0] * setup.crop[1] > self.fits:
            if setup.batch < 4:
                return None
            setup = replace(setup, batch=setup.batch // 2)
        seconds = 3 * setup.gflops / self.speed
        return Measured(
            replace(setup, amp=self.amp), seconds, self.evaluation, self.start, is_guess=seconds > 2 * worth
        )
