"""Dilation instead of stride, so that the last maps of a classification network are finer."""

from collections.abc import Sequence


def trade_strides(strides: Sequence[int], output_stride: int) -> list[tuple[int, int]]:
    """Stride and dilation of layers that had `strides`, for a total stride of at most `output_stride`.

    A layer that loses its stride keeps the current dilation, and the dilation of later layers is doubled ("à trous"):
    every second pixel of the finer map is the map of the strided network.
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
    """Indices of the layers that are the last of their size: each one before a stride, and the last one."""
    return [i for i, following in enumerate([*strides[1:], 2]) if following > 1]
