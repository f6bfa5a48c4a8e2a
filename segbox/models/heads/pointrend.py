"""PointRend for semantic segmentation (https://arxiv.org/abs/1912.08193)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Depth, Fraction
from segbox.models.layers.points import values_at
from segbox.registry import HEADS

from .fpn import FPNHead
from .head import Criterion, DecodeHead, coarse_levels


@HEADS.register
class PointRendHead(DecodeHead):
    """An FPNHead's prediction, of which uncertain points are predicted again from the finest map of stride 4 or more.

    In predictions, the logits are doubled `subdivisions` times, and each time the `subdivision_points` most uncertain
    pixels are replaced. In training, `train_points` of each image have their own loss: a share of `uncertain_share` is
    chosen from `oversampling` times as many random ones.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 128,
        point_channels: Count = 256,
        num_layers: Depth = 3,
        norm: str = "BN",
        always_double: bool = False,
        dropout: Fraction = 0.0,
        subdivisions: Depth = 2,
        subdivision_points: Count = 8196,
        train_points: Count = 2048,
        oversampling: Count = 3,
        uncertain_share: Fraction = 0.75,
    ) -> None:
        super().__init__()
        self.coarse = FPNHead(in_channels, in_strides, num_classes, channels, norm, dropout, always_double)
        self.finest = coarse_levels(in_strides)[0]
        self.points = PointClassifier(in_channels[self.finest], num_classes, point_channels, num_layers)
        self.subdivisions = subdivisions
        self.subdivision_points = subdivision_points
        self.counts = (train_points, oversampling * train_points, int(uncertain_share * train_points))

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        logits = coarse = self.coarse(features)
        for _ in range(self.subdivisions):
            logits = self.resize(logits, [2 * side for side in logits.shape[-2:]])
            logits = self.with_better_points(logits, features[self.finest], coarse)
        return logits

    def with_better_points(self, logits: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
        height, width = logits.shape[-2:]
        count = torch.sym_min(self.subdivision_points, height * width)
        places = uncertainty(logits).flatten(1).topk(count, dim=1).indices  # B N
        points = centres(places, height, width, torch.promote_types(logits.dtype, torch.float))
        predicted = self.points(sample(fine, points), sample(coarse, points)).flatten(2).to(logits.dtype)  # B K N
        index = places[:, None].expand_as(predicted)
        return logits.flatten(2).scatter(2, index, predicted).unflatten(2, (height, width))

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        coarse = self.coarse(features)
        points = uncertain_points(coarse.detach(), *self.counts)
        logits = self.points(sample(features[self.finest], points), sample(coarse, points))
        own = criterion(logits, labels_at(labels, points))
        return criterion(coarse, labels) | {f"points.{name}": value for name, value in own.items()}


class PointClassifier(nn.Module):
    """Features and coarse logits of points (B C N 1, B K N 1) to logits. Each layer sees the coarse logits."""

    def __init__(self, in_channels: int, num_classes: int, channels: int, num_layers: int) -> None:
        super().__init__()
        widths = [in_channels, *[channels] * num_layers]
        self.layers = nn.ModuleList(nn.Conv2d(a + num_classes, b, 1) for a, b in zip(widths, widths[1:]))
        self.classify = nn.Conv2d(widths[-1] + num_classes, num_classes, 1)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.classify.weight, std=0.01)
        nn.init.zeros_(self.classify.bias)

    def forward(self, x: Tensor, coarse: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(torch.cat([x, coarse], dim=1)))
        return self.classify(torch.cat([x, coarse], dim=1))


def uncertainty(logits: Tensor) -> Tensor:
    """B K ... -> B ...: how near the two best classes are; of a single logit, how near it is to 0."""
    if logits.shape[1] == 1:
        return -logits[:, 0].abs()
    best, second = logits.topk(2, dim=1).values.unbind(1)
    return second - best


def centres(places: Tensor, height: int, width: int, precision: torch.dtype) -> Tensor:
    """B N 2: x and y of pixels, from 0 to 1. `places` (B N) counts the pixels row by row."""
    row = torch.div(places, width, rounding_mode="floor")
    column = places - row * width
    return torch.stack([(column.to(precision) + 0.5) / width, (row.to(precision) + 0.5) / height], dim=-1)


def uncertain_points(logits: Tensor, count: int, num_candidates: int, num_uncertain: int) -> Tensor:
    """B N 2: x and y from 0 to 1; the most uncertain of random points, then other random ones.

    Drawn on the CPU, so that they are the same on all devices.
    """
    precision = torch.promote_types(logits.dtype, torch.float)
    candidates = torch.rand(len(logits), num_candidates, 2).to(logits.device, precision)
    best = uncertainty(sample(logits, candidates)).flatten(1).topk(num_uncertain, dim=1).indices
    chosen = candidates.gather(1, best[..., None].expand(-1, -1, 2))
    others = torch.rand(len(logits), count - num_uncertain, 2).to(logits.device, precision)
    return torch.cat([chosen, others], dim=1)


def sample(x: Tensor, points: Tensor) -> Tensor:
    """B C H W at points (B N 2, from 0 to 1 over the areas of all pixels) -> B C N 1. Bilinear; outside is 0."""
    return values_at(points[:, None], x, align_corners=False).to(x.dtype)[..., None]


def labels_at(labels: Tensor, points: Tensor) -> Tensor:
    """B H W (or probabilities, B K H W) -> B N 1 (B K N 1): those of the pixels in which the points are."""
    height, width = labels.shape[-2:]
    column = (points[..., 0] * width).long().clamp(max=width - 1)
    place = (points[..., 1] * height).long().clamp(max=height - 1) * width + column
    if labels.dim() == 4:
        place = place[:, None].expand(-1, labels.shape[1], -1)
    return labels.flatten(-2).gather(-1, place)[..., None]
