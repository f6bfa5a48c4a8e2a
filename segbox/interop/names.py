"""Tensors by another library's names -> tensors by ours. A tensor that no rule names is refused, not skipped."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from segbox.errors import CheckpointError, printable

# A pattern for whole names -> its replacement, as in re.sub; None leaves the tensor out. The first that fits counts.
Rules = Mapping[str, str | None]
NORM = r"(weight|bias|running_mean|running_var|num_batches_tracked)"  # the tensors of a batch norm

JOINED = ".joined."


def rename(weights: Mapping[str, Tensor], rules: Rules, source: object) -> dict[str, Tensor]:
    compiled = [(re.compile(pattern), new) for pattern, new in rules.items()]
    found = {}
    for name, value in weights.items():
        match = next(((m, new) for pattern, new in compiled if (m := pattern.fullmatch(name))), None)
        if match is None:
            raise CheckpointError(
                f"{source}: the tensor {printable(name)} belongs to no part that segbox has; the weights are of another"
                " model than its config says"
            )
        if match[1] is not None:
            found[match[0].expand(match[1])] = value
    return found


def joined(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors whose names differ in "#0", "#1" ... alone become one, row after row."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in weights.items():
        whole, part = re.sub(r"#\d+", "", name), re.search(r"#\d+", name)
        parts.setdefault(whole, {})[part[0] if part else ""] = value
    return {
        name: torch.cat([own[part] for part in sorted(own)]) if "#0" in own else own[""] for name, own in parts.items()
    }


def divided(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with JOINED in their names become three: the projections to queries, keys and values."""
    found = {}
    for name, value in weights.items():
        names = [name.replace(JOINED, f".{own}.") for own in ("query", "key", "value")] if JOINED in name else [name]
        found |= dict(zip(names, value.chunk(3) if JOINED in name else [value]))
    return found


def without_patch_bias(weights: Mapping[str, Tensor], prefix: str = "backbone.") -> dict[str, Tensor]:
    """Our plain ViT has no bias of its patches: it is added to their positions."""
    found, name = dict(weights), f"{prefix}positions"
    if (bias := found.pop(f"{prefix}embed.bias", None)) is not None:
        positions = found[name]
        found[name] = torch.cat([positions[:, :1], positions[:, 1:] + bias], dim=1)
    return found


def tensor(weights: Mapping[str, Tensor], name: str, source: object) -> Tensor:
    """The tensor of that name, which must be there."""
    if name not in weights:
        raise CheckpointError(f"{source}: there is no tensor {name}; the weights are of another model")
    return weights[name]
