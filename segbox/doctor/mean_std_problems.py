"""Compare a model's mean and std with those measured from the images."""

from collections.abc import Iterable

from segbox.data.normalization import Numbers, is_mismatch
from segbox.doctor.problem import Problem
from segbox.doctor.summary import SplitSummary, rounded


def mean_std_problems(split: SplitSummary, mean: Numbers | None, std: Numbers | None) -> Iterable[Problem]:
    """A problem if they do not fit images of more than 8 bits; None means that the config does not set them."""
    if split.read_bits == 8:
        return
    if mean is None or std is None:
        defect = "are not set, so they are those of RGB bytes"
    elif not _fit(mean, len(split.mean)) or not _fit(std, len(split.std)):
        defect = f"are not {len(split.mean)} numbers, one per channel"
    elif is_mismatch(mean, std, split.mean, split.std):
        defect = f"({mean} and {std}) are far from those of the images"
    else:
        return
    yield Problem(
        "other units",
        split.name,
        f"model.mean and model.std {defect}; the images have {split.read_bits} bits, with values up to"
        f" {split.largest:g}",
        f"Measured: mean={rounded(split.mean)}, std={rounded(split.std)}.",
    )


def _fit(numbers: Numbers, channels: int) -> bool:
    return isinstance(numbers, int | float) or len(numbers) == channels
