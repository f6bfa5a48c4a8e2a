"""Dilation in the place of stride, so that the last maps of a classification network stay finer."""

from collections.abc import Sequence


def trade_strides(strides: Sequence[int], output_stride: int) -> list[tuple[int, int]]:
    """Stride and dilation of layers that had `strides`, for a total stride of at most `output_stride`.

    A layer that loses its stride keeps the dilation so far, and those behind it double theirs ("à trous"): the finer
    map, read at every second place, is the map of the strided network.
    """
    if output_stride not in (8, 16, 32):
        raise ValueError(f"output_stride {output_stride!r} is none of 8, 16, 32")
    total, dilation = 1, 1
    plan = []
    for stride in strides:
        if total * stride > output_stride:
            plan.append((1, dilation))
            dilation *= stride
        else:
            plan.append((stride, dilation))
            total *= stride
    return plan


def stage_ends(strides: Sequence[int]) -> list[int]:
    """The places of the layers that are the last of their size: each before a stride, and the very last."""
    return [i for i, following in enumerate([*strides[1:], 2]) if following > 1]
