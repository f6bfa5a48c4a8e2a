"""From images to scores of classes: whole, by windows, at several scales, mirrored.

A predictor takes images B C H W (as the model does) and returns a ScoreMap, which gives class maps and probabilities
at any size. What is averaged are probabilities: of the windows at the image's pixels, of the image and its mirror
image and of several scales at the head's own scale. Its logarithms, as a single pass's logits, are resized once.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from segbox.errors import ConfigError
from segbox.evaluation.score_map import SMALLEST, CutMap, ScoreMap, WholeMap, Window, WindowMap
from segbox.machine import too_large
from segbox.models.layers import resize
from segbox.models.losses.pixels import all_classes

Predict = Callable[[Tensor], ScoreMap]


def build_predict(
    model: nn.Module,
    mode: str = "whole",
    window: tuple[int, int] | int = (512, 512),
    stride: tuple[int, int] | int | None = None,
    windows_per_batch: int = 4,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    base_size: int | None = None,
    divisor: int = 1,
) -> Predict:
    """The predictor that a config's `test` section describes. `stride` is two thirds of the window if not given.

    With several scales, `base_size` says how long the image's longer side is at scale 1 (None: as it comes).
    What the model sees is filled up to a multiple of `divisor`.
    """
    if mode not in ("whole", "slide", "crop"):
        raise ValueError(f"mode {mode!r} is none of whole, slide, crop")
    if not scales or not all(0 < scale < math.inf for scale in scales):  # NaN is not either
        raise ValueError(f"scales {scales!r}: expected one or more numbers above 0")
    if base_size is not None and base_size < 1:
        raise ValueError(f"base_size {base_size}: expected 1 pixel or more")
    if divisor < 1:
        raise ValueError(f"divisor {divisor}: expected 1 pixel or more")
    predict = whole(model)
    if flip:
        predict = flipped(predict)
    if divisor > 1:
        predict = filled(predict, divisor, getattr(model, "mean", None))
    if mode == "slide":
        height, width = pair(window)
        step = pair(stride) if stride is not None else (max(1, height * 2 // 3), max(1, width * 2 // 3))
        predict = slide(predict, (height, width), step, windows_per_batch)
    return predict if tuple(scales) == (1.0,) else multi_scale(predict, scales, base_size)


def whole(model: nn.Module) -> Predict:
    """All of the image in one pass."""

    def predict(images: Tensor) -> ScoreMap:
        return WholeMap(own_logits(model, images))

    return predict


def own_logits(model: nn.Module, images: Tensor) -> Tensor:
    """Of every class, at the head's own scale if the model gives them; the one channel of a binary model is two."""
    own = getattr(model, "logits", None)
    if own is not None:
        return own(images)
    logits = model(images)
    return all_classes(logits, max(2, logits.shape[1]))


def filled(predict: Predict, divisor: int, mean: Tensor | None = None) -> Predict:
    """The image filled up right and below to a multiple of `divisor`, with the model's mean; scores of the image alone.

    A model of stride 16 makes 23 rows of 360 pixels, each of 16. Brought to 360, they stand for 15.7 each, and the last
    lies 8 pixels off: small things lose by it where training had only whole cells. The mean is what convolutions find
    beyond the border.
    """

    def predict_filled(images: Tensor) -> ScoreMap:
        height, width = images.shape[-2:]
        size = height + -height % divisor, width + -width % divisor
        if size == (height, width):
            return predict(images)
        larger = images.new_zeros(*images.shape[:2], *size)
        if mean is not None:
            larger += mean if images.is_floating_point() else mean.round().clamp(0, 255).to(images.dtype)
        larger[..., :height, :width] = images
        return CutMap(predict(larger), size, (height, width))

    return predict_filled


def slide(predict: Predict, window: tuple[int, int], stride: tuple[int, int], windows_per_batch: int = 4) -> Predict:
    """Windows that cover the image exactly, several per pass, averaged where they overlap.

    An image smaller than the window is taken as it is.
    """
    if min(*window, *stride, windows_per_batch) < 1 or stride[0] > window[0] or stride[1] > window[1]:
        raise ValueError(f"window {window}, stride {stride}: a stride lies between 1 and the window")

    def predict_by_windows(images: Tensor) -> ScoreMap:
        count, _, height, width = images.shape
        h, w = min(window[0], height), min(window[1], width)
        corners = [(y, x) for y in starts(height, h, stride[0]) for x in starts(width, w, stride[1])]
        windows = []
        for i in range(0, len(corners), windows_per_batch):
            some = corners[i : i + windows_per_batch]
            scores = predict(torch.cat([images[..., y : y + h, x : x + w] for y, x in some]))
            windows += [
                Window(y, x, h, w, scores.of(slice(k * count, (k + 1) * count))) for k, (y, x) in enumerate(some)
            ]
        return windows[0].scores if len(windows) == 1 else WindowMap(windows, height, width)

    return predict_by_windows


def flipped(predict: Predict) -> Predict:
    """The mean of the image's and its mirror image's."""

    def predict_both(images: Tensor) -> ScoreMap:
        total = own_probabilities(predict(images))
        return logarithm(add_probabilities(predict(images.flip(-1)), total, is_mirrored=True))

    return predict_both


def multi_scale(predict: Predict, scales: Sequence[float], base_size: int | None = None) -> Predict:
    """The mean over the image at several sizes, at the scale of the finest scores, but no finer than the image."""

    def predict_all(images: Tensor) -> ScoreMap:
        height, width = images.shape[-2:]
        unit = 1.0 if base_size is None else base_size / max(height, width)
        total: Tensor | None = None
        for scale in sorted(scales, reverse=True):
            size = scaled(images.shape, unit * scale, scale)
            scores = predict(images if size == (height, width) else resize(images.float(), size))
            total = own_probabilities(scores, (height, width)) if total is None else add_probabilities(scores, total)
            del scores  # or the next scale's would be made beside them
        return logarithm(total)

    return predict_all


def scaled(shape: Sequence[int], factor: float, scale: float) -> tuple[int, int]:
    """The size of images B C H W times a factor; `scale` is what the config says of it."""
    count, channels, height, width = shape
    if why := too_large(height * factor, width * factor, 4 * count * channels):
        raise ConfigError(f"test.scales (--scales): at scale {scale:g}, {why}")
    return max(1, round(height * factor)), max(1, round(width * factor))


def own_probabilities(scores: ScoreMap, most: Sequence[int] | None = None) -> Tensor:
    """At the scale of the scores, or at `most` this size."""
    size = scores.own_size
    return scores.probabilities(size if most is None else (min(size[0], most[0]), min(size[1], most[1])))


def add_probabilities(scores: ScoreMap, total: Tensor, is_mirrored: bool = False) -> Tensor:
    for band, logits in scores.bands(total.shape[-2:]):
        probabilities = logits.softmax(dim=3).movedim(3, 1)
        total[..., band, :] += probabilities.flip(-1) if is_mirrored else probabilities
    return total


def logarithm(probabilities: Tensor) -> ScoreMap:
    """Scores of probabilities, or of a multiple of them."""
    return WholeMap(probabilities.clamp_(min=SMALLEST).log_())


def starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin so that they cover `length`; the last one is moved back to end with it."""
    count = max(0, -(-(length - window) // stride)) + 1
    return [min(i * stride, length - window) for i in range(count)]


def pair(size: Sequence[int] | int) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width
