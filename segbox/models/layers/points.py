"""Maps read at points, whose x and y are from 0 to 1: the borders of the image.

With aligned corners, 0 and 1 are the centres of the corner pixels.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def neighbours(points: Tensor, size: Sequence[int], align_corners: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Of points ... P 2, each of the four nearest pixels: its index in the flattened map, and its weight.

    Outside of the map the weight is 0.
    """
    height, width = size
    x, y = points.unbind(-1)
    x, y = (x * (width - 1), y * (height - 1)) if align_corners else (x * width - 0.5, y * height - 0.5)
    for right in (0, 1):
        for down in (0, 1):
            column, row = x.floor() + right, y.floor() + down
            weight = (1 - (x - column).abs()) * (1 - (y - row).abs())
            is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            index = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
            yield index, weight * is_inside


def sampled(points: Tensor, maps: Tensor, align_corners: bool = False) -> Tensor:
    """Maps B C h w at points B P 2 -> B C P, bilinear, 0 outside. By grid_sample, whose gradient on a GPU is never the
    same to the last bit: where that is asked for, by `values_at`."""
    if torch.are_deterministic_algorithms_enabled():
        return values_at(points[:, None], maps, align_corners)
    return F.grid_sample(maps, 2 * points[:, None] - 1, align_corners=align_corners)[:, :, 0]


def values_at(points: Tensor, maps: Tensor, align_corners: bool) -> Tensor:
    """Maps ... h w at points ... P 2 -> ... P, bilinear, 0 outside; by `gather`, which can be deterministic."""
    flat = maps.flatten(-2)
    found = neighbours(points, maps.shape[-2:], align_corners)
    return sum(flat.gather(-1, index.expand(*flat.shape[:-1], -1)) * weight for index, weight in found)


def all_values_at(points: Tensor, maps: Tensor, align_corners: bool) -> Tensor:
    """Maps B Q h w at the same points B P 2 for all maps of an image -> B Q P: `values_at`, without a gradient.

    Whole columns of maps are summed, which takes a fraction of the time of single values.
    """
    batch, _, height, width = maps.shape
    index, weight = (torch.stack(own, dim=2) for own in zip(*neighbours(points, (height, width), align_corners)))
    index = index + height * width * torch.arange(batch, device=index.device)[:, None, None]  # B P 4
    table = maps.movedim(1, 3).reshape(batch * height * width, -1)
    own = dict(per_sample_weights=weight.flatten(0, 1).to(table.dtype), mode="sum")
    return F.embedding_bag(index.flatten(0, 1), table, **own).unflatten(0, (batch, -1)).mT


def classes_at(points: Tensor, labels: Tensor, num_classes: int, align_corners: bool) -> Tensor:
    """Points B P 2 of label maps B H W: how much of each point is of each class, B K P."""
    shares = points.new_zeros(len(points), num_classes, points.shape[1])
    for index, weight in neighbours(points, labels.shape[-2:], align_corners):
        shares.scatter_add_(1, labels.flatten(1).gather(1, index)[:, None].long(), weight[:, None])
    return shares


def class_at(
    points: Tensor, labels: Tensor, images: Tensor, classes: Tensor, ignore_index: int, align_corners: bool
) -> tuple[Tensor, Tensor]:
    """N lists of points, N P 2, each of one image and for one class: how much of a point is of the class, N P, and how
    much is ignored, N P."""
    (height, width), flat = labels.shape[-2:], labels.flatten()
    share, ignored = torch.zeros_like(points[..., 0]), torch.zeros_like(points[..., 0])
    for index, weight in neighbours(points, (height, width), align_corners):
        ids = flat[index + height * width * images[:, None]]
        share += weight * (ids == classes[:, None])
        ignored += weight * (ids == ignore_index)
    return share, ignored
