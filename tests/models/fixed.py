"""Weights and inputs by a formula, in 64 bits: the same with every version of PyTorch and on every machine."""

import zlib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch import Tensor, nn

CHANNELS = (4, 6, 8, 12, 16)
STRIDES = (2, 4, 8, 16, 32)
HEIGHT, WIDTH = 70, 101  # of the image: no map is an exact multiple of the next one
CLASSES = 5
PROJECTIONS = 3  # numbers that a golden keeps of each tensor


def normal(name: str, shape: Sequence[int]) -> Tensor:
    """Standard normal numbers that depend on the name and the shape alone. NumPy promises RandomState's stream."""
    return torch.from_numpy(np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tuple(shape)))


@torch.no_grad()
def fill(module: nn.Module) -> nn.Module:
    """The module in evaluation and in 64 bits; each parameter and statistic is a function of its name and shape.

    No norm is the identity and no gate is closed. Weights keep the scale of what passes them.
    """
    module = module.double().eval()
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(filling(name, value.shape))
    return module


def filling(name: str, shape: Sequence[int]) -> Tensor:
    numbers = normal(name, shape)
    if name.endswith("running_var"):
        return 0.5 + numbers.abs()
    if len(shape) > 1:
        return numbers * (2 / numbers[0].numel()) ** 0.5
    return 1 + 0.2 * numbers if name.endswith(("weight", "gamma")) else 0.2 * numbers


def features(strides: Sequence[int], channels: Sequence[int], batch: int = 1) -> tuple[Tensor, ...]:
    """Maps of an image of HEIGHT x WIDTH."""
    return tuple(
        normal(f"map of stride {stride}, number {i}", (batch, c, -(-HEIGHT // stride), -(-WIDTH // stride)))
        for i, (stride, c) in enumerate(zip(strides, channels, strict=True))
    )


def projections(value: Tensor, count: int = PROJECTIONS) -> list[Tensor]:
    """Products with random vectors, which see each number and its place. About as large as the numbers are."""
    vectors = [normal(f"projection {i}", value.shape) for i in range(count)]
    return [(value.double() * vector).sum() / value.numel() ** 0.5 for vector in vectors]


def projected(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """A criterion for heads: generic, so that no gradient is zero by chance or by symmetry."""
    return {"projection": projections(logits, 1)[0]}


def never_reached(
    make: Callable[[], nn.Module], loss: Callable[[nn.Module], Tensor], opened: Sequence[str] = ()
) -> set[str]:
    """The names of the parameters without a gradient (or only zeros), from each of several beginnings: a single ReLU
    may be dead by chance. The gates called `opened` (patterns) must begin at zero, and are set to other numbers.
    """
    never = None
    for seed in range(4):
        torch.manual_seed(seed)
        module = make().double().eval()
        for pattern in opened:
            open_gates(module, pattern)
        dead = without_gradient(module, loss(module))
        never = dead if never is None else never & dead
        if not never:
            break
    return never


def open_gates(module: nn.Module, pattern: str) -> None:
    gates = {name: value for name, value in module.named_parameters() if fnmatchcase(name, pattern)}
    assert gates, f"no parameter is called {pattern}"
    for name, gate in gates.items():
        assert not gate.any(), f"{name} is no gate: it does not begin at zero"
        nn.init.normal_(gate)


def without_gradient(module: nn.Module, loss: Tensor) -> set[str]:
    names, parameters = zip(*((name, p) for name, p in module.named_parameters() if p.requires_grad))
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {name for name, g in zip(names, gradients, strict=True) if g is None or not g.any()}
