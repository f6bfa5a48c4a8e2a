"""Fully sharded training with PyTorch's FSDP2: each process keeps a shard of every parameter, of its gradient and of
its optimizer state. The full parameters of a block are on a device only while the block computes.

Checkpoints do not depend on it: they are `unsharded` when written, and `sharded_state` divides them when read.
"""

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from segbox import distributed
from segbox.engine.signals import Stopped
from segbox.errors import ConfigError
from segbox.evaluation.inference import own_logits
from segbox.weights.loading import first_line

SMALLEST_BLOCK = 2**20  # parameters; smaller modules are gathered together with the module around them
CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)
NEVER_CALLED = (nn.ModuleList, nn.ModuleDict)
BATCHES_BETWEEN_VOTES = 4  # in an evaluation by several processes


@dataclass
class Origin:
    """What a sharded model was built from; `skeleton` is a copy on the meta device, from which copies can be built."""

    skeleton: nn.Module
    device: torch.device


def shard(model: nn.Module, device: torch.device) -> nn.Module:
    """Shard a model that is on the CPU, in place; `device` never holds more than one full block of it.

    All processes start with the weights of process 0.
    """
    check_support(device)
    distributed.broadcast(tensor.detach() for tensor in (*model.parameters(), *model.buffers()))
    return apply_fsdp(model, Origin(meta_copy(model), device))


def check_support(device: torch.device) -> None:
    """Try to shard a small layer: PyTorch does not document which versions can do so on which device."""
    layer = nn.Linear(1, 1)
    try:
        from segbox.engine.fsdp import fully_shard

        fully_shard(layer, mesh=init_device_mesh(device.type, (distributed.world_size(),)))
        layer(torch.ones(1, 1, device=device)).sum().backward()
    except Exception as error:
        raise ConfigError(
            f"train.shard: PyTorch {torch.__version__} cannot shard models on {device.type}"
            f" ({type(error).__name__}: {first_line(error)}); install a newer PyTorch, or set train.shard=False"
        ) from error


def meta_copy(model: nn.Module) -> nn.Module:
    """A copy whose parameters are on the meta device: shapes without values."""
    hollow = {id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad) for p in model.parameters()}
    return copy.deepcopy(model, hollow)


def apply_fsdp(model: nn.Module, origin: Origin) -> nn.Module:
    from segbox.engine.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(origin.device.type, (distributed.world_size(),))
    for block in (*fsdp_blocks(model), model):
        fully_shard(block, mesh=mesh)
    if getattr(model, "logits", None) is not None:
        register_fsdp_forward_method(model, "logits")
    model.origin = origin
    return model


def fsdp_blocks(model: nn.Module) -> list[nn.Module]:
    """The modules that are gathered one at a time, inner ones first.

    They are the elements of lists and sequences (the blocks of a transformer, of a residual stage) that have at least
    SMALLEST_BLOCK parameters beside those of the blocks inside them.
    """
    found: list[nn.Module] = []
    taken: set[nn.Parameter] = set()
    for container in reversed([module for module in model.modules() if isinstance(module, CONTAINERS)]):
        for element in container.children():
            own = set(element.parameters()) - taken
            if sum(p.numel() for p in own) >= SMALLEST_BLOCK and not isinstance(element, NEVER_CALLED):
                found.append(element)
                taken |= own
    return found


def is_sharded(model: nn.Module) -> bool:
    return isinstance(getattr(model, "origin", None), Origin)


def sharding_summary(model: nn.Module) -> str:
    """A line for the log: how much of the model this process keeps."""
    if not is_sharded(model):
        return "train.shard: there is one process, which keeps the whole model"
    from segbox.engine.fsdp import FSDPModule

    groups = sum(isinstance(module, FSDPModule) for module in model.modules())
    own, all_of_it = (megabytes(tensors) for tensors in (local_parameters(model), model.parameters()))
    return (
        f"the model is sharded over {distributed.world_size()} processes in {groups} groups: {own:.1f} of its"
        f" {all_of_it:.1f} MB of parameters are kept here, and the same part of gradients and of the optimizer's state"
    )


def megabytes(tensors: Iterable[Tensor]) -> float:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 2**20


def copy_of_model(model: nn.Module) -> nn.Module:
    """A second model with the same weights, sharded like the first."""
    if not is_sharded(model):
        return copy.deepcopy(model)
    origin = model.origin
    twin = apply_fsdp(copy.deepcopy(origin.skeleton), origin).to_empty(device=origin.device)
    torch._foreach_copy_([*local_parameters(twin), *twin.buffers()], [*local_parameters(model), *model.buffers()])
    return twin


def reshard(model: nn.Module) -> None:
    """Free the full parameters that a forward pass without a backward pass leaves on the device."""
    if is_sharded(model):
        from segbox.engine.fsdp import FSDPModule

        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()


# --- tensors: shards and full tensors ---------------------------------------------------------------------------------


def is_dtensor(value: Any) -> bool:
    """Compares the name of the type: importing DTensor takes a second, also for runs without sharding."""
    return type(value).__name__ == "DTensor"


@torch.no_grad()
def local_parameters(model: nn.Module) -> list[Tensor]:
    """This process's shards of the parameters, for changes in place; the parameters if the model is not sharded."""
    parameters = (parameter.detach() for parameter in model.parameters())
    return [parameter.to_local() if is_dtensor(parameter) else parameter for parameter in parameters]


def full_tensor(tensor: Tensor) -> Tensor:
    """The full tensor. A collective call for a sharded one: all processes must make it."""
    return tensor.full_tensor() if is_dtensor(tensor) else tensor


def unsharded(content: Any) -> Any:
    """A checkpoint's content with full tensors on the main process's CPU, gathered one after the other.

    A collective call. On the other processes, None stands for each sharded tensor.
    """
    if isinstance(content, Mapping):
        return {key: unsharded(value) for key, value in content.items()}
    if not is_dtensor(content):
        return content
    tensor = full_tensor(content)  # of unequal shards, it is a view of a larger tensor: hence the copy
    return tensor.to("cpu", copy=True) if distributed.is_main() else None


def sharded_state(state: Mapping[str, Any], model: nn.Module) -> Mapping[str, Any]:
    """A state by parameter names (of the model or the optimizer) with the shards that this process keeps."""
    if not is_sharded(model):
        return state
    parameters = dict(model.named_parameters())
    return {
        name: local_shard(value, parameters[name]) if name in parameters else value for name, value in state.items()
    }


def local_shard(value: Any, parameter: Tensor) -> Any:
    """This process's shard of a tensor of the parameter's shape; other values are returned unchanged."""
    if isinstance(value, Mapping):
        return {key: local_shard(inner, parameter) for key, inner in value.items()}
    if not isinstance(value, Tensor) or value.shape != parameter.shape:
        return value
    parts = value.chunk(distributed.world_size())
    own = parts[distributed.rank()] if distributed.rank() < len(parts) else value[:0]
    own = own.to(parameter.device, copy=True, memory_format=torch.contiguous_format)
    return type(parameter).from_local(
        own, parameter.device_mesh, parameter.placements, run_check=False, shape=value.shape, stride=parameter.stride()
    )


# --- evaluation, where processes have different numbers of images -----------------------------------------------------


def synchronized(model: nn.Module, batches: Iterator, is_stopped: Callable[[], bool]) -> tuple[nn.Module, Iterable]:
    """A model and its batches for evaluation. Raises Stopped in all processes when `is_stopped()` in one of them.

    Each forward pass of a sharded model needs all processes: one without images left joins in with blank images until
    all are done.
    """
    if not is_sharded(model):
        return model, until_stopped(batches, is_stopped)
    stepping = SynchronizedModel(model, is_stopped)
    return stepping, stepping.until_all_are_done(batches)


def until_stopped(batches: Iterator, is_stopped: Callable[[], bool]) -> Iterator:
    """The batches. Processes vote every few batches: often enough to stop soon, rarely enough to be cheap."""
    interval = 1 if distributed.world_size() == 1 else BATCHES_BETWEEN_VOTES
    for number in itertools.count():
        batch = next(batches, None)
        if number % interval == 0:
            votes = distributed.gather_tensors(torch.tensor([batch is not None, is_stopped()])).any(dim=0)
            if votes[1]:
                raise Stopped
            if not votes[0]:
                return
        if batch is not None:
            yield batch


class SynchronizedModel(nn.Module):
    """A sharded model that announces each forward pass to all processes."""

    def __init__(self, model: nn.Module, is_stopped: Callable[[], bool]) -> None:
        super().__init__()
        self.model = model
        self.is_stopped = is_stopped
        self.training = model.training
        self.device = model.origin.device

    def forward(self, images: Tensor) -> Tensor:
        self.announce(images.shape)
        return own_logits(self.model, images)

    def until_all_are_done(self, batches: Iterator) -> Iterator:
        yield from batches
        while shape := self.announce((0, 0, 0, 0)):
            own_logits(self.model, torch.zeros(shape, device=self.device))
        reshard(self.model)

    def announce(self, shape: tuple[int, ...]) -> list[int]:
        """The shape of the next images of the first process that has any; empty if none has."""
        every = distributed.gather_tensors(torch.tensor([*shape, self.is_stopped()])).tolist()
        if any(is_stopped for *_, is_stopped in every):
            reshard(self.model)
            raise Stopped
        return next((one for *one, _ in every if any(one)), [])
