"""ICNet written once more, with the blocks of naive_backbones.py."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_backbones import bottleneck
from tests.models.naive_context_heads import pyramid
from tests.models.naive_layers import Weights, conv, conv_norm_relu, norm, up_to

# block: stride and dilation of its 3x3; the stride of stages 3 and 4 is replaced by dilation
BEFORE = (("layer1.0", 1, 1), ("layer2.0", 2, 1))
AFTER = (("layer3.0", 1, 1), ("layer4.0", 1, 2), ("layer4.1", 1, 4))


def icnet(w: Weights, images: Tensor) -> list[Tensor]:
    fine = images
    for i in range(3):
        fine = conv_norm_relu(w.below("light"), str(i), fine, stride=2, padding=1)
    own, x = w.below("resnet"), halved(images)
    for i, stride in ((0, 2), (3, 1), (6, 1)):
        x = norm(own, f"stem.{i + 1}", conv(own, f"stem.{i}", x, stride=stride, padding=1)).clamp(min=0)
    x = pooled(x)
    for name, stride, rate in BEFORE:
        x = bottleneck(own.below(name), x, stride, rate, False)
    middle = conv_norm_relu(w, "middle", x)
    x = halved(x)
    for name, stride, rate in AFTER:
        x = bottleneck(own.below(name), x, stride, rate, False)
    x = conv_norm_relu(w, "mix", pyramid(w.below("pyramid"), x), padding=1)
    total, maps = conv_norm_relu(w, "coarse", x), []
    for name, finer in (("add_middle", middle), ("add_fine", fine)):
        part = w.below(name)
        low = conv_norm_relu(part, "coarse", up_to(total, finer.shape), padding=2, dilation=2)
        total = low + conv_norm_relu(part, "fine", finer)
        maps.append(up_to(low, fine.shape))
    return [*maps, total]


def halved(x: Tensor) -> Tensor:
    """Means of 2 x 2."""
    height, width = (side // 2 * 2 for side in x.shape[-2:])
    return sum(x[..., i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)) / 4


def pooled(x: Tensor) -> Tensor:
    """Maxima of 3 x 3 around every second pixel, and around the first one beyond an even side."""
    height, width = (side // 2 * 2 + 1 for side in x.shape[-2:])
    padded = F.pad(x, (1, width + 1 - x.shape[-1], 1, height + 1 - x.shape[-2]), value=-torch.inf)
    return torch.stack([padded[..., i : i + height : 2, j : j + width : 2] for i in range(3) for j in range(3)]).amax(0)
