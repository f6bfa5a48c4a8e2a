"""Fully sharded training by PyTorch's FSDP2: of each parameter, of its gradient and of what the optimizer remembers of
it, a process keeps a part. A block of the network is whole on a device only while it computes.

Checkpoints know nothing of it: what is written is `gathered`, what is read is `divided`.
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

SMALLEST_BLOCK = 2**20  # parameters; what is smaller is gathered together with what is around it
CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)
NEVER_CALLED = (nn.ModuleList, nn.ModuleDict)
BATCHES_BETWEEN_VOTES = 4  # of an evaluation by several processes


@dataclass
class Origin:
    """What a sharded model was made of: the same model without numbers, from which another can be made."""

    skeleton: nn.Module
    device: torch.device


def shard(model: nn.Module, device: torch.device) -> nn.Module:
    """The model, its parameters divided between the processes in place; it comes from the CPU, and `device` never
    holds more of it than a block. All begin with the first process's weights.
    """
    try_out(device)
    distributed.share(tensor.detach() for tensor in (*model.parameters(), *model.buffers()))
    return divide(model, Origin(skeleton_of(model), device))


def try_out(device: torch.device) -> None:
    """Shard something small; which versions of PyTorch can do so on which device is not written down anywhere."""
    layer = nn.Linear(1, 1)
    try:
        from segbox.engine.fsdp import fully_shard

        fully_shard(layer, mesh=init_device_mesh(device.type, (distributed.world_size(),)))
        layer(torch.ones(1, 1, device=device)).sum().backward()
    except Exception as error:
        raise ConfigError(
            f"train.shard: PyTorch {torch.__version__} cannot shard models on {device.type}"
            f" ({type(error).__name__}: {first_line(error)}); install a newer PyTorch, or say train.shard=False"
        ) from error


def skeleton_of(model: nn.Module) -> nn.Module:
    """A copy whose parameters have shapes but no numbers, and take no memory."""
    hollow = {id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad) for p in model.parameters()}
    return copy.deepcopy(model, hollow)


def divide(model: nn.Module, origin: Origin) -> nn.Module:
    from segbox.engine.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(origin.device.type, (distributed.world_size(),))
    for block in (*blocks(model), model):
        fully_shard(block, mesh=mesh)
    if getattr(model, "logits", None) is not None:
        register_fsdp_forward_method(model, "logits")
    model.origin = origin
    return model


def blocks(model: nn.Module) -> list[nn.Module]:
    """What is gathered by itself, inner ones first: elements of lists and sequences, of a transformer's blocks or of
    a residual stage, that have enough parameters beside those of the blocks within them.
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


def described(model: nn.Module) -> str:
    """For the log: how much of the model this process keeps."""
    if not is_sharded(model):
        return "train.shard: there is one process, which keeps the whole model"
    from segbox.engine.fsdp import FSDPModule

    groups = sum(isinstance(module, FSDPModule) for module in model.modules())
    own, all_of_it = (megabytes(tensors) for tensors in (own_parts(model), model.parameters()))
    return (
        f"the model is sharded over {distributed.world_size()} processes in {groups} groups: {own:.1f} of its"
        f" {all_of_it:.1f} MB of parameters are kept here, and the same part of gradients and of the optimizer's state"
    )


def megabytes(tensors: Iterable[Tensor]) -> float:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 2**20


def twin_of(model: nn.Module) -> nn.Module:
    """A second model with the same weights, sharded as the first is."""
    if not is_sharded(model):
        return copy.deepcopy(model)
    origin = model.origin
    twin = divide(copy.deepcopy(origin.skeleton), origin).to_empty(device=origin.device)
    torch._foreach_copy_([*own_parts(twin), *twin.buffers()], [*own_parts(model), *model.buffers()])
    return twin


def reshard(model: nn.Module) -> None:
    """After a pass without a backward pass, which leaves the outermost parameters whole."""
    if is_sharded(model):
        from segbox.engine.fsdp import FSDPModule

        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()


# --- tensors: parts and wholes ----------------------------------------------------------------------------------------


def is_divided(value: Any) -> bool:
    """Told by the name: the import takes a second, which runs without sharding need not wait for."""
    return type(value).__name__ == "DTensor"


@torch.no_grad()
def own_parts(model: nn.Module) -> list[Tensor]:
    """What this process keeps of the parameters, to be changed in place; of a model that is not sharded, all of it."""
    parameters = (parameter.detach() for parameter in model.parameters())
    return [parameter.to_local() if is_divided(parameter) else parameter for parameter in parameters]


def whole(tensor: Tensor) -> Tensor:
    """Made of all processes' parts, which all must ask for."""
    return tensor.full_tensor() if is_divided(tensor) else tensor


def gathered(content: Any) -> Any:
    """A checkpoint's content with each sharded tensor made whole, one after the other, on the main process's CPU.

    All processes take part; on the others, nothing is left of such a tensor.
    """
    if isinstance(content, Mapping):
        return {key: gathered(value) for key, value in content.items()}
    if not is_divided(content):
        return content
    tensor = whole(content)  # a view of what is larger where the parts are unequal, hence the copy
    return tensor.to("cpu", copy=True) if distributed.is_main() else None


def divided(state: Mapping[str, Any], model: nn.Module) -> Mapping[str, Any]:
    """A state by parameters' names (the model's, the optimizer's) as a sharded model takes it: in own parts."""
    if not is_sharded(model):
        return state
    parameters = dict(model.named_parameters())
    return {name: part(value, parameters[name]) if name in parameters else value for name, value in state.items()}


def part(value: Any, parameter: Tensor) -> Any:
    """What this process keeps of a tensor that belongs to each number of a parameter; other things as they are."""
    if isinstance(value, Mapping):
        return {key: part(inner, parameter) for key, inner in value.items()}
    if not isinstance(value, Tensor) or value.shape != parameter.shape:
        return value
    parts = value.chunk(distributed.world_size())
    own = parts[distributed.rank()] if distributed.rank() < len(parts) else value[:0]
    own = own.to(parameter.device, copy=True, memory_format=torch.contiguous_format)
    return type(parameter).from_local(
        own, parameter.device_mesh, parameter.placements, run_check=False, shape=value.shape, stride=parameter.stride()
    )


# --- evaluation, where processes have different numbers of images -----------------------------------------------------


def in_step(model: nn.Module, batches: Iterator, is_stopped: Callable[[], bool]) -> tuple[nn.Module, Iterable]:
    """A model and its batches for evaluation; Stopped in all processes at once, when `is_stopped()` in one.

    Each pass of a sharded model takes all processes: one that has no more images goes along on blank ones until all
    have none.
    """
    if not is_sharded(model):
        return model, until_stopped(batches, is_stopped)
    stepping = InStep(model, is_stopped)
    return stepping, stepping.until_all_are_done(batches)


def until_stopped(batches: Iterator, is_stopped: Callable[[], bool]) -> Iterator:
    """Several processes ask each other every few batches: often enough to stop soon, too rarely to wait for long."""
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


class InStep(nn.Module):
    """A sharded model whose passes are announced to all processes."""

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
        """The shape of the images that the first process with any passes next; empty if there is none."""
        every = distributed.gather_tensors(torch.tensor([*shape, self.is_stopped()])).tolist()
        if any(is_stopped for *_, is_stopped in every):
            reshard(self.model)
            raise Stopped
        return next((one for *one, _ in every if any(one)), [])
