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


def plan_blocks(
    depths: Sequence[int],
    output_stride: int,
    dilations: Sequence[int] | None = None,
    multi_grid: Sequence[int] | None = None,
    halve_first: bool = True,
) -> list[tuple[int, int]]:
    """Stride and dilation of each block of a ResNet with stages of these depths.

    `dilations` of the stages replace those of `trade_strides`; with `halve_first`, a stage's first block has half.
    `multi_grid` are the dilations of the last stage's blocks.
    """
    first = [j == 0 for depth in depths for j in range(depth)]
    stages = [i for i, depth in enumerate(depths) for _ in range(depth)]
    steps = [2 if stage > 0 and is_first else 1 for stage, is_first in zip(stages, first)]
    plan = trade_strides([4, *steps], output_stride)[1:]
    if dilations is not None:
        if len(dilations) != len(depths):
            raise ValueError(f"dilations {tuple(dilations)}: expected one for each of the {len(depths)} stages")
        halved = [halve_first and is_first for is_first in first]
        own = [max(1, dilations[i] // 2) if is_half else dilations[i] for i, is_half in zip(stages, halved)]
        plan = [(stride, dilation) for (stride, _), dilation in zip(plan, own)]
    if multi_grid is not None:
        if len(multi_grid) != depths[-1]:
            raise ValueError(
                f"multi_grid {tuple(multi_grid)}: expected {depths[-1]}, one for each block of the last stage"
            )
        last = len(plan) - depths[-1]
        plan[last:] = [(stride, dilation) for (stride, _), dilation in zip(plan[last:], multi_grid)]
    return plan


def stage_ends(strides: Sequence[int]) -> list[int]:
    """Indices of the layers that are the last of their size: each one before a stride, and the last one."""
    return [i for i, following in enumerate([*strides[1:], 2]) if following > 1]
