"""The contract of a transform."""

import random
from abc import ABC, abstractmethod

from segbox.data.sample import Sample


class Transform(ABC):
    """A step of a pipeline. Geometry edits `sample["placement"]`; whoever wants pixels calls `render` first.

    The sample may come without a label, and all randomness comes from `rng`.
    """

    keeps_view: bool = False  # True: the whole image stays in view and unmoved, so its label may stay as it is

    @abstractmethod
    def __call__(self, sample: Sample, rng: random.Random) -> Sample: ...
