"""Checks before the first step that the images fit the model in channels, units and size."""

import random
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import unwrap
from segbox.data.normalization import is_mismatch
from segbox.data.placement import Size
from segbox.errors import ConfigError, DataError
from segbox.models.encoder_decoder import EncoderDecoder
from segbox.weights.mean_std import is_for_bytes

MEASURED_IMAGES = 8  # images of more than 8 bits are measured
MEASURE = "Give them in the units of the files; `segbox check CONFIG` measures both"


def check_images(datasets: Mapping[str, SegDataset], model: nn.Module, window: Size | None = None) -> None:
    """Refuse data sets whose images do not fit the model. `window` is the sliding window on data.val."""
    bits = {name: unwrap(dataset, 0)[0].bits for name, dataset in datasets.items()}
    if len(set(bits.values())) > 1:
        own = ", ".join(f"{name} {number}" for name, number in bits.items())
        raise ConfigError(f"the images of the data sets differ in their bits: {own}; set the same bits in all of them")
    if not isinstance(model, EncoderDecoder):
        return  # a user's own model, of which nothing is known
    for name, dataset in datasets.items():
        if bits[name] != 8 and any(map(is_for_bytes, model.mean_std_sources.values())):
            raise ConfigError(
                f"model.mean and model.std are not given, so they are those of RGB bytes; the images of {name} have"
                f" {bits[name]} bits. {MEASURE}"
            )
        for image in _some_images(dataset, 1):
            _check_channels(name, image.shape[2], model.mean.numel())
            if image.dtype != np.uint8:
                _check_levels(name, dataset, model)
            _check_size(image.shape[:2], model, window if name == "data.val" else None)


def training_size(dataset: SegDataset) -> Size | None:
    """The size of an image after the pipeline (the crop); None if the image cannot be read."""
    return next((image.shape[:2] for image in _some_images(dataset, 1)), None)


def _check_channels(name: str, given: int, taken: int) -> None:
    if given != taken:
        raise ConfigError(
            f"{name} gives images of {given} channels, the model takes {taken}: set model.backbone.in_channels={given},"
            f" and mean and std of {given} numbers; or channels={taken} in the data set"
        )


def _check_size(size: Size, model: EncoderDecoder, window: Size | None) -> None:
    """Some backbones accept one image size only."""
    check = getattr(model.backbone, "check_size", None)
    if check is not None:
        check(*(size if window is None else map(min, size, window)))


def _check_levels(name: str, dataset: SegDataset, model: EncoderDecoder) -> None:
    mean, std = (buffer.flatten().cpu().numpy() for buffer in (model.mean, model.std))
    images = [image.astype(float) for image in _some_images(dataset, MEASURED_IMAGES, mean.tolist())]
    means, squares = (np.mean([(image**power).mean(axis=(0, 1)) for image in images], axis=0) for power in (1, 2))
    stds = np.sqrt(np.maximum(squares - means**2, 0))
    if is_mismatch(mean, std, means, stds):
        raise ConfigError(
            f"model.mean={_few(mean)} and model.std={_few(std)} are in other units than the images of {name}: their"
            f" mean is about {_few(means)}, their standard deviation {_few(stds)}. {MEASURE}"
        )


def _some_images(dataset: SegDataset, count: int, fill: Sequence[float] | float = 0) -> list[np.ndarray]:
    """Evenly spaced images after the pipeline. Unreadable ones are skipped: training reports them."""
    images: list[np.ndarray] = []
    for position in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int).tolist():
        inner, index = unwrap(dataset, position)
        try:
            sample = {key: value for key, value in inner.load(index).items() if key != "label"}
            images.append(inner.pipeline({**sample, "fill": fill}, random.Random(index))["image"])
        except DataError:
            continue
    return images


def _few(numbers: np.ndarray) -> str:
    return "(" + ", ".join(f"{number:.4g}" for number in numbers) + ")"
