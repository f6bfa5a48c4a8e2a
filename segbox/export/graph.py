"""What an exported file computes: all that `segbox predict` does with the pixels of one image, or of one window."""

import copy
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.data.class_names import check_count
from segbox.evaluation.inference import own_logits
from segbox.models.class_scores import SMALLEST, at_own_scale, at_size
from segbox.models.layers.masks import Masks

Output = Literal["classes", "probabilities", "logits"]
OUTPUTS = get_args(Output)


class Graph(nn.Module):
    """Images B C H W, bytes or floats in the units of the mean -> classes B H W (bytes), or scores B K H W (floats).

    Images are padded to a multiple of `divisor` with the mean, as by `segbox.evaluation.inference.padded`. With
    `flip` scores are the mean over the image and its mirror image.
    """

    def __init__(self, model: nn.Module, output: Output, divisor: int, flip: bool, takes_bytes: bool) -> None:
        super().__init__()
        if output == "classes":
            check_count(model.criteria[0].num_classes, "the model")
        self.output, self.divisor, self.flip = output, divisor, flip
        self.network = copy.deepcopy(model).eval().requires_grad_(False)
        self.dtype = torch.float  # of the network
        self.register_buffer("mean", model.mean.clone())
        self.register_buffer("std", model.std.clone())
        self.register_buffer("fill", model.mean.round().clamp(0, 255) if takes_bytes else model.mean.clone())
        self.network.mean.zero_()
        self.network.std.fill_(1)

    def in_half(self) -> "Graph":
        """A copy whose network computes in float16; normalisation, resizing and what follows stay in float32."""
        half = copy.deepcopy(self)
        half.dtype = torch.half
        half.network.half()
        return half

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        images = images.float()
        if self.divisor > 1:
            images = F.pad(images - self.fill, (0, -width % self.divisor, 0, -height % self.divisor)) + self.fill
        logits = self.logits(((images - self.mean) / self.std).to(self.dtype))
        logits = at_size(logits, images.shape[-2:], self.network.align_corners)[..., :height, :width]
        if self.output == "classes":
            return logits.argmax(1).to(torch.uint8)
        return logits if self.output == "logits" else logits.softmax(1)

    def logits(self, images: Tensor) -> Tensor | Masks:
        """At the head's own scale."""
        predicted = in_full(own_logits(self.network, images))
        if not self.flip:
            return predicted
        mirrored = in_full(own_logits(self.network, images.flip(-1)))
        both = at_own_scale(predicted).softmax(1) + at_own_scale(mirrored).flip(-1).softmax(1)
        return (both / 2).clamp(min=SMALLEST).log()


def in_full(predicted: Tensor | Masks) -> Tensor | Masks:
    """In float32."""
    return Masks(*(own.float() for own in predicted)) if isinstance(predicted, Masks) else predicted.float()
