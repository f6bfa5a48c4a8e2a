"""Cross entropy over the pixels that have a label."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.models.layers import resize
from segbox.registry import LOSSES


@LOSSES.register
class CrossEntropyLoss(nn.Module):
    """Mean over valid pixels (weighted by `class_weight` as in PyTorch); zero, with a gradient, when there are none."""

    name = "ce"

    def __init__(
        self,
        num_classes: int,
        class_weight: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if class_weight is not None and len(class_weight) != num_classes:
            raise ValueError(f"class_weight has {len(class_weight)} numbers for {num_classes} classes")
        weight = torch.ones(num_classes) if class_weight is None else torch.tensor(class_weight, dtype=torch.float)
        self.register_buffer("class_weight", weight, persistent=False)
        self.is_weighted = class_weight is not None
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        labels = labels.long()
        logits = resize(logits.float(), labels.shape[-2:])
        total = F.cross_entropy(
            logits,
            labels,
            self.class_weight if self.is_weighted else None,
            ignore_index=self.ignore_index,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        valid = labels != self.ignore_index
        mass = self.class_weight[labels[valid]].sum() if self.is_weighted else valid.sum()
        return total / mass.clamp(min=torch.finfo(torch.float).tiny if self.is_weighted else 1)
