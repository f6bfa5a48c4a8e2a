"""What a network of foreign make takes and uses, tried out on a copy without numbers (on the device "meta")."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Size = tuple[int, int]  # height, width
Maps = Sequence[Tensor]


@dataclass(frozen=True)
class SizeRule:
    """Images are filled up to a multiple of `multiple`; a network that is fixed to one size takes `only` that one."""

    multiple: Size
    only: Size | None = None


def find_size_rule(network: Callable[[Tensor], Maps], in_channels: int, patch: int, own: Size) -> SizeRule:
    """`patch` is the coarsest stride, `own` the size that the network is built for.

    Some take any number of patches, some (with windows or blocks that must fit) multiples of several, some one size.
    """
    anything = SizeRule((patch, patch))
    own = tuple(-(-side // patch) * patch for side in own)
    if takes(network, in_channels, (own[0] + patch, own[1] + 2 * patch)) or not takes(network, in_channels, own):
        return anything  # or it cannot be tried out here
    counts = min(own) // patch
    for count in range(2, counts + 1):
        step = count * patch
        if counts % count == 0 and takes(network, in_channels, (own[0] + step, own[1] + 2 * step)):
            return SizeRule((step, step))
    return SizeRule(own, only=own)


def takes(network: Callable[[Tensor], Maps], in_channels: int, size: Size) -> bool:
    try:
        with torch.no_grad():
            network(torch.empty(2, in_channels, *size, device="meta"))
    except Exception:  # what networks raise over a size is theirs: AssertionError, RuntimeError, TypeError ...
        return False
    return True


def maps_and_unused(network: nn.Module, in_channels: int, size: Size) -> tuple[Maps, list[str]] | None:
    """The maps of an image, and the parameters that none of them depends on; None where that cannot be tried out."""
    named = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    try:
        with torch.enable_grad():
            maps = network(torch.empty(2, in_channels, *size, device="meta"))
            gradients = torch.autograd.grad(sum(x.sum() for x in maps), list(named.values()), allow_unused=True)
    except Exception:  # as above; or it reads numbers
        return None
    return maps, [name for name, gradient in zip(named, gradients) if gradient is None]
