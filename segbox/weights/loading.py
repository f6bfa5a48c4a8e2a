"""Weight files: read without running code in them, and loaded into a model, with a report of what does not fit."""

import logging
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segbox.errors import CheckpointError, printable, short
from segbox.weights.fit import Fit, check_parts, compare, is_part
from segbox.weights.mean_std import Reconcile, reconcile_mean_std
from segbox.weights.safetensors_file import is_safetensors, read_safetensors
from segbox.weights.safety import refuse_deep_nesting, refuse_unsafe_file
from segbox.weights.sources.find import WeightFile, find_weights
from segbox.weights.stand_ins import CodeError, read_with_stand_ins

logger = logging.getLogger("segbox")


def read_checkpoint(path: str | Path, lazily: bool = False) -> Any:
    """What a file contains. One of safetensors: a dict of tensors. One of `torch.save`: tensors, numbers, strings,
    lists, dicts; objects of other packages become stand-ins, and pickles that run code are refused.

    With `lazily`, a tensor is read from disk when it is first used, so an optimizer's state that nobody uses costs
    nothing.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    if is_safetensors(path):
        return read_safetensors(path, lazily)
    refuse_unsafe_file(path)
    mapped = lazily and can_be_mapped(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's warnings about old formats do not help the user
            try:
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
            except pickle.UnpicklingError as error:
                if not re.search(r"GLOBAL|Unsupported", str(error)):
                    raise
                content = read_with_stand_ins(path, mapped)
    except CodeError as error:
        raise CheckpointError(
            f"{path}: refused, it is a pickle that wants to run code ({printable(error)});"
            " only tensors and plain values are read. Save it again as a plain state dict"
        ) from None
    except pickle.UnpicklingError:
        raise CheckpointError(f"{path}: is no checkpoint ({path.stat().st_size} bytes)") from None
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes raise many kinds of errors in PyTorch
        with path.open("rb") as file:
            kind = "a truncated or damaged checkpoint" if file.read(2) == b"PK" else "no checkpoint"
        reason = first_line(error).split(". ")[0]
        raise CheckpointError(f"{path}: is {kind} ({path.stat().st_size} bytes): {reason}") from None
    refuse_deep_nesting(path, content)
    return content


def can_be_mapped(path: Path) -> bool:
    """Whether PyTorch can memory-map the file: it must be a zip archive, with a name in UTF-8."""
    return zipfile.is_zipfile(path) and os.fsencode(path).decode(errors="ignore") == str(path)


def read_weights(word: str | Path) -> dict[str, Tensor]:
    """The state dict of a weight file: of a path, or of another word of `find_weights`."""
    return read_weights_of(find_weights(word))


def read_weights_of(file: WeightFile) -> dict[str, Tensor]:
    return weights_in(read_checkpoint(file.path, lazily=True), file.word)


def weights_in(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The state dict in the content of a checkpoint."""
    for key in ("ema", "model", "state_dict"):  # averaged weights first: they are the better ones
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f"{path}: expected weights (a dict of names and tensors), found {type(content).__name__}")
    named = {name if isinstance(name, str) else short(name): value for name, value in content.items()}
    return {name.removeprefix("module."): value for name, value in named.items() if isinstance(value, Tensor)}


def part_of(weights: Mapping[str, Tensor], prefix: str) -> Mapping[str, Tensor]:
    """The weights below `prefix`, which is removed from their names; all weights if no name begins with it."""
    if any(name.startswith(prefix) for name in weights):
        return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    return weights


def load_weights(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    source: str | Path,
    skip_unfitting: bool = False,
    reconcile: Reconcile = reconcile_mean_std,
    may_miss: Sequence[str] | None = None,
) -> Fit:
    """Copy the tensors into the model. Tensors that do not fit raise CheckpointError, or are skipped and logged.

    `may_miss` names the parts ("auxiliary_heads", "decode_head.classify") whose tensors alone may be skipped.
    `reconcile` decides between the file's mean and std and the model's.
    """
    refuse_spoilt(model, weights, source)  # also with `skip_unfitting`: a NaN does not mean another model
    fit = compare(model, weights)
    check_parts(model, weights, may_miss or (), source)
    if not fit.is_perfect():
        is_allowed = skip_unfitting if may_miss is None else all(is_part(name, may_miss) for name in fit.unfitting())
        if not is_allowed:
            but = f" (only {', '.join(may_miss)} may be missing)" if may_miss else ""
            raise CheckpointError(f"{source}: belongs to another model{but}\n{fit.report()}")
        if not fit.has_weights():
            raise CheckpointError(f"{source}: nothing in it fits the model\n{fit.report()}")
        logger.warning("%s: loaded in part\n%s", source, fit.report())
    reconciled = reconcile(model, weights, source)
    model.load_state_dict({name: reconciled[name] for name in fit.fitting if name in reconciled}, strict=False)
    return fit


def refuse_spoilt(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Refuse tensors of another kind than the model's (floats of any size are one kind), and NaN or infinite values."""
    own = model.state_dict()
    reasons = {name: why_spoilt(weights[name], own[name]) for name in weights if name in own}
    spoilt = [f"{name} {reason}" for name, reason in reasons.items() if reason]
    if spoilt:
        more = f", and {len(spoilt) - 1} more tensors have such problems" if len(spoilt) > 1 else ""
        raise CheckpointError(f"{source}: cannot be used: {spoilt[0]}{more}. Take another checkpoint")


def why_spoilt(value: Tensor, own: Tensor) -> str:
    """Why the tensor cannot be used; empty if it can, or if its shape differs (`compare` reports that)."""
    if not isinstance(value, Tensor):
        return "is no tensor"
    if value.shape != own.shape:
        return ""
    if value.layout != torch.strided or value.is_quantized or value.is_meta:
        return "is sparse, quantized or without content"
    if kind_of(value) != kind_of(own):
        return f"holds {value.dtype}, the model {own.dtype}".replace("torch.", "")
    if not is_finite(value.to(own.dtype)) and is_finite(own):
        return "holds numbers that are NaN or infinite" if not is_finite(value) else "holds numbers that are too large"
    return ""


def kind_of(value: Tensor) -> str:
    if value.is_complex():
        return "complex"
    if value.is_floating_point():
        return "float"
    return "bool" if value.dtype == torch.bool else "integer"


def is_finite(value: Tensor) -> bool:
    """Whether all values are finite, without a mask of them. Sharded tensors were checked before they were divided."""
    if not value.numel() or not value.is_floating_point() or type(value) not in (Tensor, nn.Parameter):
        return True
    return all(bool(torch.isfinite(end)) for end in torch.aminmax(value))


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
