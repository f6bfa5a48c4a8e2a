"""Finds the image sizes that a network accepts, and the parameters that it uses, by running it on the meta device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Size = tuple[int, int]  # height, width
Maps = Sequence[Tensor]


@dataclass(frozen=True)
class SizeRule:
    """Images are padded to a multiple of `multiple`; a network for one size accepts `only` that size."""

    multiple: Size
    only: Size | None = None


def find_size_rule(network: Callable[[Tensor], Maps], in_channels: int, patch: int, own: Size) -> SizeRule:
    """`patch` is the coarsest stride, `own` the size that the network is built for.

    Some networks accept any multiple of the patch size, some (with attention windows) multiples of several patches,
    some only one size.
    """
    anything = SizeRule((patch, patch))
    own = tuple(-(-side // patch) * patch for side in own)
    if accepts(network, in_channels, (own[0] + patch, own[1] + 2 * patch)) or not accepts(network, in_channels, own):
        return anything  # or it does not run on the meta device
    counts = min(own) // patch
    for count in range(2, counts + 1):
        step = count * patch
        if counts % count == 0 and accepts(network, in_channels, (own[0] + step, own[1] + 2 * step)):
            return SizeRule((step, step))
    return SizeRule(own, only=own)


def accepts(network: Callable[[Tensor], Maps], in_channels: int, size: Size) -> bool:
    try:
        with torch.no_grad():
            network(torch.empty(2, in_channels, *size, device="meta"))
    except Exception:  # AssertionError, RuntimeError, TypeError ...: each network has its own
        return False
    return True


def maps_and_unused(network: nn.Module, in_channels: int, size: Size) -> tuple[Maps, list[str]] | None:
    """The maps of an image, and the parameters that no map depends on; None if the network does not run on meta."""
    named = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    try:
        with torch.enable_grad():
            maps = network(torch.empty(2, in_channels, *size, device="meta"))
            gradients = torch.autograd.grad(sum(x.sum() for x in maps), list(named.values()), allow_unused=True)
    except Exception:  # as above; or the network reads values of tensors
        return None
    return maps, [name for name, gradient in zip(named, gradients) if gradient is None]
