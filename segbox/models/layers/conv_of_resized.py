"""A convolution of several maps, resized to one size and concatenated, without resizing and concatenating them.

A convolution of concatenated maps is the sum of convolutions of each; and a 1x1 convolution, or a tap of a larger one,
can be computed before a map is enlarged. The numbers are those of the plain way up to rounding.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .full_precision import full_precision
from .resize import resize

Size = tuple[int, int]


def conv_of_resized(
    conv: nn.Conv2d, maps: Sequence[Tensor], size: Sequence[int], align_corners: bool = False
) -> Tensor:
    """`conv(torch.cat([resize(x, size) for x in maps], dim=1))`.

    Maps that are so much smaller that it pays are convolved first. Graphs that are compiled or exported, and costs that
    are counted (on the meta device), have the plain way.
    """
    size = tuple(size)
    is_early = [pays(conv, x, size) for x in maps]
    is_sharded = hasattr(conv.weight, "full_tensor")  # gathered when the convolution is called, not before
    if not any(is_early) or torch.compiler.is_compiling() or maps[0].is_meta or is_sharded:
        return conv(joined([resize(x, size, align_corners) for x in maps]))
    weights = conv.weight.split([x.shape[1] for x in maps], dim=1)
    parts = list(zip(maps, weights, is_early))
    terms = [early_conv(conv, x, weight, size, align_corners) for x, weight, early in parts if early]
    plain = [(resize(x, size, align_corners), weight) for x, weight, early in parts if not early]
    if plain:
        wide, weight = map(joined, zip(*plain))
        terms.insert(0, F.conv2d(wide, weight, None, conv.stride, conv.padding, conv.dilation))
    total = sum(terms[1:], start=terms[0])
    return total if conv.bias is None else total + conv.bias.to(total.dtype).view(-1, 1, 1)


def joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def pays(conv: nn.Conv2d, x: Tensor, size: Size) -> bool:
    """Whether to convolve this map before it is resized: it takes less than half of the multiplications."""
    (height, width), (h, w), channels, kernel = size, x.shape[-2:], x.shape[1], conv.kernel_size[0]
    if kernel == 1:
        return conv.stride == (1, 1) and 2 * h * w <= height * width
    if x.device.type != "cpu" or not keeps_size(conv):
        return False
    early = h * w * kernel**2 * channels + height * h * w * kernel**2 + height * width * kernel * w
    return 2 * early <= height * width * kernel**2 * channels


def keeps_size(conv: nn.Conv2d) -> bool:
    reach = tuple(d * (k // 2) for d, k in zip(conv.dilation, conv.kernel_size))
    return conv.stride == (1, 1) and conv.groups == 1 and conv.padding == reach and conv.padding_mode == "zeros"


def early_conv(conv: nn.Conv2d, x: Tensor, weight: Tensor, size: Size, align_corners: bool) -> Tensor:
    """The convolution of `x` resized: each tap of the kernel is a 1x1 convolution of `x`, then resized and shifted.

    Resizing and shifting are products with the matrices of both axes, which sum over the taps.
    """
    if conv.kernel_size == (1, 1):
        return resize(F.conv2d(x, weight), size, align_corners)
    (out_channels, channels, rows, columns), (batch, _, h, w) = weight.shape, x.shape
    taps = F.conv2d(x, weight.permute(2, 3, 0, 1).reshape(-1, channels, 1, 1))
    taps = taps.permute(0, 2, 3, 1).reshape(batch, h, w, rows, columns, out_channels)
    with full_precision(x):
        wide = taps.to(torch.promote_types(taps.dtype, torch.float32))
        down = resized_taps(wide, h, size[0], rows, conv.dilation[0], align_corners)  # H rows*h
        across = resized_taps(wide, w, size[1], columns, conv.dilation[1], align_corners)  # W columns*w
        y = down @ wide.permute(0, 3, 1, 4, 2, 5).reshape(batch, rows * h, -1)
        y = across @ y.view(batch, size[0], columns * w, out_channels)
    layout = torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    return y.to(taps.dtype).permute(0, 3, 1, 2).contiguous(memory_format=layout)


def resized_taps(like: Tensor, length: int, size: int, kernel: int, dilation: int, align_corners: bool) -> Tensor:
    """The matrix that resizes an axis, once for each tap and shifted by it, side by side: size x kernel*length."""
    identity = torch.eye(length, dtype=like.dtype, device=like.device)
    matrix = resize(identity.view(1, length, length, 1), (size, 1), align_corners)[0, :, :, 0].T
    reach = dilation * (kernel // 2)
    padded = F.pad(matrix, (0, 0, reach, reach))
    return torch.cat([padded[tap * dilation : tap * dilation + size] for tap in range(kernel)], dim=1)
