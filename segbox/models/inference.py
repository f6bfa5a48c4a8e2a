"""From images to class probabilities: whole, by windows, at several scales, mirrored.

A predictor takes images B C H W (as the model does) and returns probabilities B K H W.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from segbox.models.layers import resize

Predict = Callable[[Tensor], Tensor]


def build_predict(
    model: nn.Module,
    mode: str = "whole",
    window: Sequence[int] | int = (512, 512),
    stride: Sequence[int] | int | None = None,
    windows_per_batch: int = 4,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
) -> Predict:
    """The predictor that a config's `test` section describes. `stride` is two thirds of the window if not given."""
    if mode not in ("whole", "slide", "crop"):
        raise ValueError(f"mode {mode!r} is none of whole, slide, crop")
    if not scales or any(scale <= 0 for scale in scales):
        raise ValueError(f"scales {scales!r}: expected one or more numbers above 0")
    predict = whole(model)
    if mode == "slide":
        height, width = pair(window)
        step = pair(stride) if stride is not None else (height * 2 // 3, width * 2 // 3)
        predict = slide(predict, (height, width), step, windows_per_batch)
    if flip:
        predict = flipped(predict)
    return predict if tuple(scales) == (1.0,) else multi_scale(predict, scales)


def whole(model: nn.Module) -> Predict:
    """All of the image in one pass."""

    def predict(images: Tensor) -> Tensor:
        return model(images).float().softmax(dim=1)

    return predict


def slide(predict: Predict, window: tuple[int, int], stride: tuple[int, int], windows_per_batch: int = 4) -> Predict:
    """Windows that cover the image exactly, several per pass, averaged where they overlap.

    An image smaller than the window is taken as it is.
    """
    if min(*window, *stride, windows_per_batch) < 1 or stride[0] > window[0] or stride[1] > window[1]:
        raise ValueError(f"window {window}, stride {stride}: a stride lies between 1 and the window")

    def predict_by_windows(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        h, w = min(window[0], height), min(window[1], width)
        corners = [(y, x) for y in starts(height, h, stride[0]) for x in starts(width, w, stride[1])]
        total = count = None
        for i in range(0, len(corners), windows_per_batch):
            some = corners[i : i + windows_per_batch]
            crops = torch.cat([images[..., y : y + h, x : x + w] for y, x in some])
            guesses = predict(crops).split(len(images))
            if total is None:
                total = guesses[0].new_zeros(len(images), guesses[0].shape[1], height, width)
                count = guesses[0].new_zeros(height, width)
            for (y, x), guess in zip(some, guesses):
                total[..., y : y + h, x : x + w] += guess
                count[y : y + h, x : x + w] += 1
        return total.div_(count)

    return predict_by_windows


def flipped(predict: Predict) -> Predict:
    """The mean of the image's and its mirror image's."""

    def predict_both(images: Tensor) -> Tensor:
        return (predict(images) + predict(images.flip(-1)).flip(-1)) / 2

    return predict_both


def multi_scale(predict: Predict, scales: Sequence[float]) -> Predict:
    """The mean over the image at several sizes, each brought back to its own size."""

    def predict_all(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        total: Tensor | float = 0.0
        for scale in scales:
            size = max(1, round(height * scale)), max(1, round(width * scale))
            scaled = images if size == (height, width) else resize(images.float(), size)
            total = total + resize(predict(scaled), (height, width))
        return total / len(scales)

    return predict_all


def starts(length: int, window: int, stride: int) -> list[int]:
    """Where windows begin so that they cover `length`; the last one is moved back to end with it."""
    count = max(0, -(-(length - window) // stride)) + 1
    return [min(i * stride, length - window) for i in range(count)]


def pair(size: Sequence[int] | int) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width
