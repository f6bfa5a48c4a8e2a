"""The contract of a transform."""

import random
from abc import ABC, abstractmethod

from segbox.data.sample import Sample


class Transform(ABC):
    """A step of a pipeline. Geometry edits `sample["placement"]`; a transform that needs pixels calls `render` first.

    A sample may have no label. All randomness comes from `rng`.
    """

    keeps_view: bool = False  # True: the image is neither cropped nor moved, so its label may stay untransformed
    # For image files of which only the first rows are decoded. Both hold for the class itself, not for subclasses.
    only_places: bool = False  # True: it reads no pixels (labels by `label_rows`), and only edits the placement
    renders_first: bool = False  # True: it begins with `render`

    @abstractmethod
    def __call__(self, sample: Sample, rng: random.Random) -> Sample: ...
