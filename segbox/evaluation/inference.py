"""Inference: whole images, sliding windows, several scales, flipping.

An inference function takes images B C H W (like the model) and returns a ScoreMap, which gives class maps and
probabilities at any size. Probabilities are averaged: those of windows at the image's pixels, those of flips and scales
at the head's own scale. The logarithm of the average is then resized once, like the logits of a single pass.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from segbox.errors import ConfigError
from segbox.evaluation.score_map import SMALLEST, CroppedMap, LogitMap, ScoreMap, Window, WindowMap, score_map_of
from segbox.machine import too_large
from segbox.models.layers import resize
from segbox.models.layers.masks import Masks
from segbox.models.losses.pixels import all_classes

InferenceFunction = Callable[[Tensor], ScoreMap]


def build_inference(
    model: nn.Module,
    mode: str = "whole",
    window: tuple[int, int] | int = (512, 512),
    stride: tuple[int, int] | int | None = None,
    windows_per_batch: int = 4,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    base_size: int | None = None,
    divisor: int = 1,
) -> InferenceFunction:
    """The inference function of a config's section `test`. `stride` is two thirds of the window by default.

    With several scales, `base_size` is the length of the image's longer side at scale 1 (None: the image's own). The
    model's input is padded to a multiple of `divisor`.
    """
    if mode not in ("whole", "slide", "crop"):
        raise ValueError(f"mode {mode!r} is none of whole, slide, crop")
    if not scales or not all(0 < scale < math.inf for scale in scales):  # NaN fails too
        raise ValueError(f"scales {scales!r}: expected one or more numbers above 0")
    if base_size is not None and base_size < 1:
        raise ValueError(f"base_size {base_size}: expected 1 pixel or more")
    if divisor < 1:
        raise ValueError(f"divisor {divisor}: expected 1 pixel or more")
    predict = whole_image(model)
    if flip:
        predict = with_flip(predict)
    if divisor > 1:
        predict = padded(predict, divisor, getattr(model, "mean", None))
    if mode == "slide":
        predict = slide(predict, *window_and_stride(window, stride), windows_per_batch)
    return predict if tuple(scales) == (1.0,) else multi_scale(predict, scales, base_size)


def whole_image(model: nn.Module) -> InferenceFunction:
    """The whole image in one forward pass."""

    def predict(images: Tensor) -> ScoreMap:
        return score_map_of(own_logits(model, images), getattr(model, "align_corners", False))

    return predict


def own_logits(model: nn.Module, images: Tensor) -> Tensor | Masks:
    """Logits of all classes or masks, at the head's own scale if the model has `logits`; one binary channel becomes
    two."""
    own = getattr(model, "logits", None)
    if own is not None:
        return own(images)
    logits = model(images)
    return logits if isinstance(logits, Masks) else all_classes(logits, max(2, logits.shape[1]))


def padded(predict: InferenceFunction, divisor: int, mean: Tensor | None = None) -> InferenceFunction:
    """Pads the image right and below to a multiple of `divisor` with the model's mean; the scores are cropped back.

    Without padding, a model of stride 16 maps 360 pixels to 23 rows of 16 pixels each. Resized to 360, each row covers
    15.7 pixels and the last one is 8 pixels off, which costs small objects if training saw full cells only. Normalised,
    the mean is 0, like the zero padding of convolutions.
    """

    def predict_padded(images: Tensor) -> ScoreMap:
        height, width = images.shape[-2:]
        size = height + -height % divisor, width + -width % divisor
        if size == (height, width):
            return predict(images)
        larger = images.new_zeros(*images.shape[:2], *size)
        if mean is not None:
            larger += mean if images.is_floating_point() else mean.round().clamp(0, 255).to(images.dtype)
        larger[..., :height, :width] = images
        return CroppedMap(predict(larger), size, (height, width))

    return predict_padded


def slide(
    predict: InferenceFunction, window: tuple[int, int], stride: tuple[int, int], windows_per_batch: int = 4
) -> InferenceFunction:
    """Windows that cover the image exactly, several per forward pass, averaged where they overlap.

    An image that is smaller than the window is one window of its own size.
    """
    if min(*window, *stride, windows_per_batch) < 1 or stride[0] > window[0] or stride[1] > window[1]:
        raise ValueError(f"window {window}, stride {stride}: expected 1 <= stride <= window")

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


def with_flip(predict: InferenceFunction) -> InferenceFunction:
    """The mean over the image and its horizontal flip."""

    def predict_both(images: Tensor) -> ScoreMap:
        scores = predict(images)
        total = own_probabilities(scores)
        add_probabilities(predict(images.flip(-1)), total, is_mirrored=True)
        return logarithm(total, scores.align_corners)

    return predict_both


def multi_scale(predict: InferenceFunction, scales: Sequence[float], base_size: int | None = None) -> InferenceFunction:
    """The mean over several scales, at the resolution of the finest scores, but no finer than the image."""

    def predict_all(images: Tensor) -> ScoreMap:
        height, width = images.shape[-2:]
        unit = 1.0 if base_size is None else base_size / max(height, width)
        total: Tensor | None = None
        for scale in sorted(scales, reverse=True):
            size = scaled(images.shape, unit * scale, scale)
            scores = predict(images if size == (height, width) else resize(images.float(), size))
            total = own_probabilities(scores, (height, width)) if total is None else add_probabilities(scores, total)
            align_corners = scores.align_corners
            del scores  # free the memory before the next scale
        return logarithm(total, align_corners)

    return predict_all


def scaled(shape: Sequence[int], factor: float, scale: float) -> tuple[int, int]:
    """The size of images B C H W times a factor; `scale` is the config's value, for the message."""
    count, channels, height, width = shape
    if why := too_large(height * factor, width * factor, 4 * count * channels):
        raise ConfigError(f"test.scales (--scales): at scale {scale:g}, {why}")
    return max(1, round(height * factor)), max(1, round(width * factor))


def own_probabilities(scores: ScoreMap, most: Sequence[int] | None = None) -> Tensor:
    """Probabilities at the scores' own size, limited to the size `most`."""
    size = scores.own_size
    return scores.probabilities(size if most is None else (min(size[0], most[0]), min(size[1], most[1])))


def add_probabilities(scores: ScoreMap, total: Tensor, is_mirrored: bool = False) -> Tensor:
    for band, logits in scores.bands(total.shape[-2:]):
        probabilities = logits.softmax(dim=3).movedim(3, 1)
        total[..., band, :] += probabilities.flip(-1) if is_mirrored else probabilities
    return total


def logarithm(probabilities: Tensor, align_corners: bool) -> ScoreMap:
    """The score map of probabilities, which need not sum to 1."""
    return LogitMap(probabilities.clamp_(min=SMALLEST).log_(), align_corners)


def starts(length: int, window: int, stride: int) -> list[int]:
    """The starts of windows that cover `length`; the last window is moved back to end at `length`."""
    count = max(0, -(-(length - window) // stride)) + 1
    return [min(i * stride, length - window) for i in range(count)]


def window_and_stride(
    window: tuple[int, int] | int, stride: tuple[int, int] | int | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    height, width = pair(window)
    return (height, width), pair(stride) if stride is not None else (max(1, height * 2 // 3), max(1, width * 2 // 3))


def pair(size: Sequence[int] | int) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width
