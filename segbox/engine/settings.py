"""The sections of a config as signatures, which configs are checked against."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from torch import nn

from segbox.arguments import Made
from segbox.data.settings import DataSettings
from segbox.engine.not_finite import ON_NAN
from segbox.engine.optim import OptimizerConfig
from segbox.errors import ConfigError
from segbox.evaluation.inference import build_inference
from segbox.evaluation.metric_set import MetricSet
from segbox.models.segmentors import SegmentorConfig
from segbox.precision import PRECISIONS
from segbox.registry import HOOKS, call
from segbox.renamed import renamed


@renamed(accumulate="gradient_accumulation_steps", amp="precision")
@dataclass
class TrainSettings:
    """The section `train`. One optimizer step accumulates the gradients of `gradient_accumulation_steps` batches.

    `sync_batch_norm=None` synchronizes on several GPUs only; True, on CPUs too. `on_nan="skip"` skips up to `max_skips`
    steps in a row, "stop" ends the run. `deterministic` makes GPU runs reproducible to the last bit. `shard` shards
    parameters, gradients and optimizer state over the processes (FSDP). `precision` and `channels_last` may be "auto":
    what is fast on the device. `tf32` and `cudnn_benchmark` are for GPUs.
    """

    max_steps: int | None = None
    max_epochs: float | None = None
    gradient_accumulation_steps: int = 1
    clip_grad: float | None = None
    on_nan: str = "stop"
    max_skips: int = 10
    precision: str | None = "auto"
    channels_last: Literal["auto"] | bool = "auto"
    tf32: bool = True
    cudnn_benchmark: bool = True
    compile: bool = False
    sync_batch_norm: bool | None = None
    deterministic: bool = False
    shard: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS and self.precision is not None:
            raise ValueError(f"precision={self.precision!r}: one of {', '.join(map(repr, PRECISIONS))}")
        if self.on_nan not in ON_NAN:
            raise ValueError(f'on_nan={self.on_nan!r}: "stop", or "skip" for up to `max_skips` steps in a row')
        if self.max_skips < 1:
            raise ValueError(f"max_skips={self.max_skips}: expected a number of steps, 1 or more")
        if self.gradient_accumulation_steps < 1:
            count = self.gradient_accumulation_steps
            raise ValueError(f"gradient_accumulation_steps={count}: expected a number of batches, 1 or more")
        if self.clip_grad is not None and self.clip_grad <= 0:
            raise ValueError(f"clip_grad={self.clip_grad}: expected a maximum norm above 0, or None")


def total_steps(max_steps: int | None, max_epochs: float | None, images: int, batch_size: int) -> int:
    """The length of a run in steps, from either of the two settings."""
    if (max_steps is None) == (max_epochs is None):
        raise ValueError("give either max_steps or max_epochs")
    steps = max_steps if max_steps is not None else math.ceil(max_epochs * images / batch_size)
    if steps < 1:
        raise ValueError(f"max_steps={max_steps}, max_epochs={max_epochs}: expected one step or more")
    return steps


def check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise ConfigError(f"seed: expected a number of 0 or more, of up to 63 bits, got {seed}")


@dataclass
class Sections:
    """A whole config."""

    model: SegmentorConfig | None = None
    data: Annotated[Mapping, Made(DataSettings, trial=call)] = field(default_factory=dict)
    optimizer: OptimizerConfig | None = None
    train: Annotated[Mapping, Made(TrainSettings, trial=call)] = field(default_factory=dict)
    hooks: Mapping[str, Annotated[Mapping, Made(HOOKS, trial=call)] | None] = field(default_factory=dict)
    test: Annotated[Mapping, Made(build_inference, {"model": nn.Identity()}, trial=call)] = field(default_factory=dict)
    metric: Annotated[Mapping, Made(MetricSet, {"classes": ("a", "b")}, trial=call)] = field(default_factory=dict)
    seed: int = 0
    imports: Sequence[str] = ()
