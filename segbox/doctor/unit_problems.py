"""What is wrong with a model's mean and std, as far as the images tell."""

from collections.abc import Iterable

from segbox.data.normalization import Numbers, is_mismatch
from segbox.doctor.problem import Problem
from segbox.doctor.summary import Split, rounded


def unit_problems(split: Split, mean: Numbers | None, std: Numbers | None) -> Iterable[Problem]:
    """Of images that are deeper than bytes; None means that the config does not say it."""
    if split.read_bits == 8:
        return
    if mean is None or std is None:
        what = "are not given, so they are those of RGB bytes"
    elif not _fit(mean, len(split.mean)) or not _fit(std, len(split.std)):
        what = f"are not {len(split.mean)} numbers, one per channel"
    elif is_mismatch(mean, std, split.mean, split.std):
        what = f"({mean} and {std}) are far from those of the images"
    else:
        return
    yield Problem(
        "other units",
        split.name,
        f"model.mean and model.std {what}; the images have {split.read_bits} bits, and values up to {split.largest:g}",
        f"Measured: mean={rounded(split.mean)}, std={rounded(split.std)}.",
    )


def _fit(numbers: Numbers, channels: int) -> bool:
    return isinstance(numbers, int | float) or len(numbers) == channels
