"""Where the model runs: the device, its memory format, synchronized batch norm, sharding, determinism."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from segbox import distributed
from segbox.engine.settings import TrainSettings
from segbox.engine.sharding import is_sharded, shard
from segbox.errors import ConfigError
from segbox.evaluation.out_of_memory import is_out_of_memory
from segbox.models.memory_format import prefers_channels_last
from segbox.models.norms import convert_norm, sync_on_cpus
from segbox.precision import choose_precision
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


def with_precision(settings: TrainSettings, device: torch.device) -> TrainSettings:
    """The settings with the precision that "auto" stands for on this device."""
    return replace(settings, precision=choose_precision(settings.precision, device))


def with_memory_format(settings: TrainSettings, model: nn.Module, device: torch.device) -> TrainSettings:
    """The settings with the memory format that "auto" stands for, for this model in the chosen precision."""
    if settings.channels_last != "auto":
        return settings
    is_faster = prefers_channels_last(model, device.type, settings.precision, settings.tf32)
    return replace(settings, channels_last=is_faster)


def describe_choices(given: TrainSettings, chosen: TrainSettings, optimizer: torch.optim.Optimizer, device: str) -> str:
    """A line for the log: how steps are computed, and what of it was chosen by "auto"."""
    parts = [chosen.precision, "channels last" if chosen.channels_last else "channels first"]
    if given.precision == "auto":
        parts[0] += f" ({'this' if chosen.precision == 'bf16' else 'no bf16 in this'} {device.upper()})"
    if device == "cuda":
        parts += ["TF32"] * (chosen.tf32 and chosen.precision == "fp32")
        parts += ["cudnn.benchmark"] * (chosen.cudnn_benchmark and not chosen.deterministic)
    parts += [f"fused {type(optimizer).__name__}"] * bool(optimizer.defaults.get("fused"))
    return f"steps in {', '.join(parts)}"


def set_backends(settings: TrainSettings, device: torch.device) -> None:
    """Set PyTorch's switches for GPUs. They are global: each run sets all of them."""
    set_determinism(settings.deterministic)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if settings.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = settings.tf32
        torch.backends.cudnn.benchmark = settings.cudnn_benchmark and not settings.deterministic


@contextmanager
def without_benchmark() -> Iterator[None]:
    """In evaluation, images of many sizes: cuDNN would measure its algorithms for each of them."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


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


class Upload:
    """Copies batches to the device. On a GPU, a stream of its own copies from pinned memory while the step before is
    still computed."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        if self.stream is None:
            return [tensor.to(self.device) for tensor in tensors]
        with torch.cuda.stream(self.stream):
            copies = [tensor.to(self.device, non_blocking=True) for tensor in tensors]
        current = torch.cuda.current_stream(self.device)
        current.wait_stream(self.stream)
        for copy in copies:
            copy.record_stream(current)
        return copies


def wrap_for_training(model: nn.Module, device: torch.device, compile: bool) -> nn.Module:
    """The module that training calls: the model, in DDP with several processes, and compiled if asked for."""
    forward = model
    if distributed.world_size() > 1 and not is_sharded(model):
        devices = [device] if device.type == "cuda" else None
        forward = nn.parallel.DistributedDataParallel(model, device_ids=devices)
    return torch.compile(forward) if compile else forward
