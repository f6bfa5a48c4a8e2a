"""Cross entropy over the hardest pixels: a fraction of all."""

from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .cross_entropy import CrossEntropyLoss
from .hardest import checked_ratio, hardest
from .pixels import ClassWeight


@LOSSES.register
class OHEMCrossEntropyLoss(Resizing):
    """The mean over the fraction `ratio` of the batch's valid pixels with the largest (weighted) losses.

    Pixels that tie with the easiest of them are included. `ratio=1` is CrossEntropyLoss.
    """

    name = "ohem"

    def __init__(
        self,
        num_classes: int,
        ratio: float = 0.7,
        class_weight: ClassWeight = None,
        label_smoothing: float = 0.0,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        self.cross_entropy = CrossEntropyLoss(num_classes, class_weight, label_smoothing, ignore_index)
        self.ignore_index = ignore_index
        self.set_ohem_ratio(ratio)

    def set_ohem_ratio(self, ratio: float) -> None:
        self.ratio = checked_ratio(ratio)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.ratio < 1:
            losses = self.cross_entropy.of_pixels(logits, labels)
            labels = labels.where(hardest(losses, labels != self.ignore_index, self.ratio), self.ignore_index)
        return self.cross_entropy(logits, labels)
