"""EncNet's context encoding (https://arxiv.org/abs/1803.08904)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct, Resizing
from segbox.models.layers.full_precision import full_precision
from segbox.registry import HEADS

from .head import Criterion, DecodeHead


@HEADS.register
class EncNetHead(DecodeHead):
    """An encoding of the whole image scales the channels, and predicts which classes are present (the SE loss).

    `lateral` also uses the two maps before the last one. After a JPU `kernel=1` is enough.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        num_codewords: Count = 32,
        kernel: Count = 3,
        lateral: bool = False,
        se_loss_weight: float = 0.2,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if lateral and len(in_channels) < 3:
            raise ValueError(f"lateral=True mixes the last three maps, and there are {len(in_channels)}; leave it out")
        self.reduce = ConvNormAct(in_channels[-1], channels, kernel)
        self.lateral = LateralFusion(in_channels[-3:-1], channels) if lateral else None
        self.encode = nn.Sequential(ConvNormAct(channels, channels), Encoding(channels, num_codewords))
        self.gate = nn.Linear(channels, channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)
        self.classify_scene = nn.Linear(channels, num_classes)
        self.se_loss_weight = se_loss_weight

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.predict(features)[0]

    def predict(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Logits of the pixels, and logits of the classes being present in the image."""
        x = self.reduce(features[-1])
        if self.lateral is not None:
            x = self.lateral(x, features[-3:-1])
        scene = self.encode(x)  # B C
        gates = torch.sigmoid(self.gate(scene))[:, :, None, None]
        logits = self.classify(self.dropout(torch.relu(x + x * gates)))
        return logits, self.classify_scene(scene)

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        logits, scene_logits = self.predict(features)
        channels = logits.shape[1]
        truth = classes_present(labels, max(2, channels))[:, -channels:]  # of one channel: is the object there?
        se_loss = F.binary_cross_entropy_with_logits(scene_logits.float(), truth)
        return {**criterion(logits, labels), "se": self.se_loss_weight * se_loss}


class LateralFusion(Resizing):
    """Finer maps, projected and resized to the coarse one, and a 3x3 convolution of all."""

    def __init__(self, in_channels: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(ConvNormAct(c, channels) for c in in_channels)
        self.fuse = ConvNormAct((len(in_channels) + 1) * channels, channels, 3)

    def forward(self, x: Tensor, finer: tuple[Tensor, ...]) -> Tensor:
        maps = [self.resize(project(f), x.shape[-2:]) for project, f in zip(self.project, finer, strict=True)]
        return self.fuse(torch.cat([x, *maps], dim=1))


class Encoding(nn.Module):
    """B C H W -> B C: residuals to learned codewords, summed with soft assignment, normalized, averaged.

    A_ik = softmax_k(s_k ||x_i - d_k||²), e_k = Σ_i A_ik (x_i - d_k). The scales s_k set how soft it is: at 0
    all codewords have the same weight, near -1 the nearest one dominates.
    """

    def __init__(self, channels: int, num_codewords: int) -> None:
        super().__init__()
        bound = (num_codewords * channels) ** -0.5
        self.codewords = nn.Parameter(torch.empty(num_codewords, channels).uniform_(-bound, bound))
        self.scales = nn.Parameter(torch.empty(num_codewords).uniform_(-1, 0))
        self.norm = nn.BatchNorm1d(num_codewords)

    def forward(self, x: Tensor) -> Tensor:
        with full_precision(x):
            residuals = encode(x.float().flatten(2).mT, self.codewords.float(), self.scales.float())  # B K C
            residuals = self.norm(residuals.to(self.codewords.dtype))
            return torch.relu(residuals).mean(dim=1).to(x.dtype)


def encode(pixels: Tensor, codewords: Tensor, scales: Tensor) -> Tensor:
    """B N C, K C, K -> B K C. Both sums are expanded, so no tensor B N K C is needed."""
    squares = pixels.square().sum(-1, keepdim=True) + codewords.square().sum(-1)  # B N K
    distances = squares - 2 * pixels @ codewords.mT
    assignment = torch.softmax(scales * distances, dim=-1)
    return assignment.mT @ pixels - assignment.sum(dim=1)[..., None] * codewords


def classes_present(labels: Tensor, num_classes: int) -> Tensor:
    """B H W -> B K: 1 for each class that is present. Labels that are no class are ignored."""
    index = labels.flatten(1).long().clamp(max=num_classes)
    return torch.zeros(len(labels), num_classes + 1, device=labels.device).scatter_(1, index, 1.0)[:, :num_classes]
