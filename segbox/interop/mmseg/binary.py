"""Models of two classes with one output channel, the log-odds of the second class."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from segbox.errors import CheckpointError, ConfigError
from segbox.interop.mmseg.part import Arguments

THRESHOLD = 0.3  # mmsegmentation's, where the config states none; ours is 0.5


def is_binary(values: Mapping[str, Any]) -> bool:
    channels = values.get("out_channels")
    return (values.get("num_classes") if channels is None else channels) == 1


def number_of_classes(args: Arguments) -> int:
    """A model of one channel has two classes here, also if mmsegmentation's config says one."""
    count, channels = args.values.get("num_classes"), args.values.get("out_channels")
    if not isinstance(count, int) or count < 1:
        raise ConfigError(f"{args.path}.num_classes: expected a number of classes, got {count!r:.80}")
    if not is_binary(args.values):
        if channels not in (None, count):
            raise ConfigError(f"{args.path}.out_channels: {channels!r} for {count} classes; it is one for each, or 1")
        return count
    if count not in (1, 2):
        raise ConfigError(f"{args.path}.out_channels: one channel is for two classes, not for {count}")
    return 2


def with_threshold(args: Arguments, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str | None]:
    """The weights whose log-odds are 0 where the probability is mmsegmentation's threshold, and a note on that."""
    threshold = args.values.get("threshold")
    threshold = THRESHOLD if threshold is None else threshold
    if not is_binary(args.values) or threshold == 0.5 or not state:
        return dict(state), None
    if not isinstance(threshold, int | float) or not 0 < threshold < 1:
        raise ConfigError(f"{args.path}.threshold: expected a number between 0 and 1, got {threshold!r}")
    name = f"{args.path.removeprefix('model.')}.conv_seg.bias"
    if name not in state:
        raise CheckpointError(f"the checkpoint has no {name}, as a model of one output channel has")
    shifted = state[name] - math.log(threshold / (1 - threshold))
    return {**state, name: shifted}, (
        f"mmsegmentation takes the second class where its probability is above {threshold:g}, segbox above 0.5; the"
        " last bias is shifted, so that both find the same pixels"
    )
