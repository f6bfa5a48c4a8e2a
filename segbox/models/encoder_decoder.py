"""EncoderDecoder: backbone, neck and heads as one model. What can be done to a finished model is in files beside it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segbox.models import freezing, new_classes
from segbox.models.class_scores import at_size
from segbox.models.criterion import Criterion
from segbox.models.head_builder import HeadBuilder
from segbox.models.heads.head import DecodeHead
from segbox.models.layers import Resizing
from segbox.models.layers.masks import Masks
from segbox.models.losses.pixels import all_classes
from segbox.models.precise_batch_norm import precise_batch_norm
from segbox.models.start_from import load_trained
from segbox.models.trained_backbone import load_backbone
from segbox.weights import loading
from segbox.weights.mean_std import STATED


class EncoderDecoder(Resizing):
    """images -> logits at the images' size; images, labels -> losses by name, whose sum is minimised.

    Logits are log scores if the head predicts masks.
    Images are B C H W, bytes, or floats in the units of `mean` and `std`. The model normalizes them, so mean and std
    are saved with the weights; `mean_std_sources` says where they come from. Auxiliary heads read the backbone's own
    maps, before the neck, or with `auxiliary_maps="neck"` those behind it. All parts resize as the model does: see
    `set_align_corners`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        decode_head: DecodeHead,
        auxiliary_heads: Sequence[DecodeHead],
        criteria: Sequence[Criterion],
        mean: Sequence[float],
        std: Sequence[float],
        head_builders: Sequence[HeadBuilder] = (),
        mean_std_sources: Mapping[str, str] | None = None,
        auxiliary_maps: str = "backbone",
    ) -> None:
        super().__init__()
        self.mean_std_sources = dict(mean_std_sources or {"mean": STATED, "std": STATED})
        self.auxiliary_maps = auxiliary_maps
        self.head_builders = tuple(head_builders)  # of the decode head, then of each auxiliary head
        self.frozen: frozenset[str] = frozenset()  # this and the next three: see freezing.py
        self.unused = frozenset(getattr(backbone, "unused", ()))
        self.frozen_statistics: tuple[str, ...] = ()
        self.frozen_affine: tuple[str, ...] = ()
        self.backbone = backbone
        self.neck = neck
        self.decode_head = decode_head
        self.auxiliary_heads = nn.ModuleList(auxiliary_heads)
        self.criteria = nn.ModuleList(criteria)  # of the decode head, then of each auxiliary head
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float).view(-1, 1, 1))
        freezing.freeze_parameters(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        maps, features = self.maps_and_features(images)
        if labels is None:
            return at_size(self.decode_head(features), images.shape[-2:], self.align_corners)
        losses = named("decode", self.decode_head.loss(features, labels, self.criteria[0]))
        for i, (head, criterion) in enumerate(zip(self.auxiliary_heads, self.criteria[1:])):
            name = "aux" if len(self.auxiliary_heads) == 1 else f"aux{i}"
            losses |= named(name, head.loss(maps, labels, criterion))
        return losses

    def logits(self, images: Tensor) -> Tensor | Masks:
        """Logits of every class (of both classes for a binary model of one channel), or the masks of a head that
        predicts masks, at the decode head's own scale."""
        predicted = self.decode_head(self.maps_and_features(images)[1])
        return predicted if isinstance(predicted, Masks) else all_classes(predicted, self.criteria[0].num_classes)

    def maps_and_features(self, images: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The inputs of the auxiliary heads, and those of the decode head."""
        images = (images - self.mean) / self.std
        maps = self.backbone(images)
        features = self.neck(maps)
        maps = features if self.auxiliary_maps == "neck" else maps
        return maps, (images, *features) if self.decode_head.sees_images else features

    def train(self, mode: bool = True) -> "EncoderDecoder":
        """As in PyTorch, except that frozen modules stay in evaluation mode."""
        super().train(mode)
        freezing.keep_frozen_in_eval(self)
        return self

    def freeze_backbone(self, stages: int | None = None) -> None:
        """Freeze weights and statistics of the backbone, or with `stages=2` all that its first two maps depend on."""
        freezing.freeze_backbone(self, stages)

    def train_backbone(self) -> None:
        """Undo `freeze_backbone`."""
        freezing.train_backbone(self)

    def freeze_batch_norm(
        self,
        freeze_running_mean_var: bool = True,
        freeze_gamma_beta: bool = True,
        parts: Sequence[str] = freezing.PARTS,
    ) -> None:
        """Freeze the running statistics, the scale and shift, or both, of the batch norms of these parts."""
        freezing.freeze_batch_norm(self, freeze_running_mean_var, freeze_gamma_beta, parts)

    def train_batch_norm(self) -> None:
        """Undo `freeze_batch_norm`."""
        freezing.train_batch_norm(self)

    def precise_batch_norm(self, loader: Iterable[Any]) -> int:
        """Replace the running statistics by their mean over the batches of `loader`; returns the number of batches."""
        return precise_batch_norm(self, loader)

    def load_parameters(
        self,
        filename: str | Path,
        map_location: str | torch.device | None = None,
        strict: bool = True,
        classes: Sequence[str] | None = None,
        may_miss: Sequence[str] | None = None,
    ) -> loading.Fit:
        """Load the weights of a trained model (see start_from.py); with `strict=False`, tensors that do not fit are
        skipped and logged."""
        return load_trained(self, filename, map_location, strict, classes, may_miss)

    def load_backbone_parameters(
        self, filename: str | Path, map_location: str | torch.device | None = None, strict: bool = True
    ) -> loading.Fit:
        """Load the weights of the backbone: "imagenet", or a file of the backbone or of a whole model."""
        return load_backbone(self, filename, map_location, strict)

    def reset_classes(self, num_classes: int) -> None:
        """Replace heads and losses by those for another number of classes. Create the optimizer after this."""
        new_classes.reset_classes(self, num_classes)


def named(prefix: str, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in losses.items()}
