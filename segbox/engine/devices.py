"""Where the model runs: the device, its memory format, synchronized batch norm, sharding, determinism."""

import os

import torch
from torch import nn

from segbox import distributed
from segbox.engine.settings import TrainSettings
from segbox.engine.sharding import is_sharded, shard
from segbox.errors import ConfigError
from segbox.evaluation.out_of_memory import is_out_of_memory
from segbox.models.norms import convert_norm, sync_on_cpus
from segbox.weights.loading import first_line


def choose_device(name: str | None) -> torch.device:
    """The device called `name`; without a name, the GPU of this process, or the CPU if there is none."""
    if name is None:
        name = f"cuda:{distributed.local_rank()}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name}: {first_line(error)}") from None
    if device.type == "cuda":
        device = torch.device("cuda", distributed.local_rank() if device.index is None else device.index)
        if device.index >= torch.cuda.device_count():
            raise ConfigError(
                f"--device {name}: asks for {device}; PyTorch sees {torch.cuda.device_count()} GPU(s) here"
            )
        torch.cuda.set_device(device)
    return device


def set_determinism(enabled: bool) -> None:
    """Make GPU runs reproducible to the last bit; CPU runs always are."""
    if enabled:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(enabled)
    torch.backends.cudnn.deterministic = enabled
    torch.utils.deterministic.fill_uninitialized_memory = (
        False  # it costs time, and nothing here reads uninitialized memory
    )


def to_device(model: nn.Module, device: torch.device, settings: TrainSettings) -> nn.Module:
    """The model on its device, in its memory format, sharded or with synchronized batch norm where the config says."""
    is_synced = settings.sync_batch_norm
    if is_synced is None:
        is_synced = device.type == "cuda" and distributed.world_size() > 1
    if is_synced:
        try:
            model = convert_norm(model, "SyncBN")
        except ValueError as error:
            raise ConfigError(f"train.sync_batch_norm: {error}") from error
    if device.type == "cpu":
        model = sync_on_cpus(model)
    if settings.shard and distributed.world_size() > 1:
        return shard(model, device)
    layout = torch.channels_last if settings.channels_last else torch.contiguous_format
    try:
        return model.to(device, memory_format=layout)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        count = sum(parameter.numel() for parameter in model.parameters())
        raise ConfigError(
            f"model: its {count / 1e6:.0f} million parameters do not fit on {device}; several processes"
            " (segbox launch) with train.shard=True keep a part each"
        ) from error


def wrap_for_training(model: nn.Module, device: torch.device, compile: bool) -> nn.Module:
    """The module that training calls: the model, in DDP with several processes, and compiled if asked for."""
    forward = model
    if distributed.world_size() > 1 and not is_sharded(model):
        devices = [device] if device.type == "cuda" else None
        forward = nn.parallel.DistributedDataParallel(model, device_ids=devices)
    return torch.compile(forward) if compile else forward
