"""Builds the optimizer and its parameter groups: learning rates and weight decay per parameter."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from segbox.arguments import UNKNOWN, Fraction, Made
from segbox.engine.sharding import is_dtensor, is_sharded
from segbox.errors import CheckpointError, ConfigError, did_you_mean, short
from segbox.models.depth import depths
from segbox.registry import OPTIMIZERS, call, check_type

OPTIMIZERS.register(torch.optim.SGD)
OPTIMIZERS.register(torch.optim.Adam)
OPTIMIZERS.register(torch.optim.AdamW)


FUSED = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
GROUP_SETTINGS = ("head_lr_mult", "layer_decay", "decay_norms", "decay_biases", "decay_embeddings", "rules")
BACKBONE = "backbone."
EMBEDDING = re.compile(r"(token\w*|pos_embed\w*|positions?\w*|tables?)(\.\d+)?$")  # how names of parameters end


@dataclass
class Rule:
    """The settings that `optimizer.rules` may give to the parameters of a pattern."""

    lr_mult: float | None = None
    weight_decay: float | None = None


Rules = Mapping[str, Annotated[Mapping, Made(Rule)]]


def build_optimizer(config: Mapping, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a config. Beside the optimizer's own arguments, a config may set:

    - head_lr_mult: the learning rate of all parameters outside the backbone, as a multiple of `lr`
    - layer_decay: the rate of layer k of the backbone's L is lr * layer_decay^(L - 1 - k) (segbox/models/depth.py)
    - decay_norms, decay_biases, decay_embeddings: False excludes them from weight decay; embeddings are learned
      positions and tokens
    - fused: None is True where PyTorch has fused kernels for these parameters; False leaves the choice to PyTorch
    - rules: {"pattern of names": dict(lr_mult=..., weight_decay=...)}, `*` matches anything; later rules win.
      Its lr_mult is a multiple of `lr`, instead of those above
    """
    check_type(config, OptimizerConfig, "optimizer")
    settings = {key: config[key] for key in ("lr", "weight_decay", *GROUP_SETTINGS) if key in config}
    groups = call(parameter_groups, settings, "optimizer", model=model)
    own = {key: value for key, value in config.items() if key not in (*GROUP_SETTINGS, "fused")}
    fused = config.get("fused")
    if fused or (fused is None and is_fusible(own, model)):
        own["fused"] = True
    return OPTIMIZERS.build(own, "optimizer", params=groups)


def is_fusible(config: Mapping, model: nn.Module) -> bool:
    """Whether PyTorch updates all parameters of the model in one kernel, several times as fast as one after another."""
    is_asked_otherwise = config.get("foreach") or config.get("differentiable")
    has_fused = OPTIMIZERS[config["type"]] in FUSED and not is_asked_otherwise
    return has_fused and not is_sharded(model) and {p.device.type for p in model.parameters()} <= {"cpu", "cuda"}


def parameter_groups(
    model: nn.Module,
    lr: float,
    weight_decay: float = 0.0,
    head_lr_mult: float = 1.0,
    layer_decay: Fraction = 1.0,
    decay_norms: bool = True,
    decay_biases: bool = True,
    decay_embeddings: bool = True,
    rules: Rules | None = None,
) -> list[dict[str, Any]]:
    """Groups of parameters with the same rate and decay. `base_lr` is the rate before the schedule."""
    if not 0 <= lr < math.inf:
        raise ValueError(f"lr={lr}: expected a number of 0 or more")
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    multiples = lr_multiples(model, head_lr_mult, layer_decay)
    excluded = names_without_decay(model, not decay_norms, not decay_biases, not decay_embeddings)
    check_rules(rules or {}, named)
    groups: dict[tuple[bool, float, float], dict[str, Any]] = {}
    for name, parameter in named.items():
        rate, decay = lr * multiples[name], 0.0 if name in excluded else weight_decay
        for pattern, settings in (rules or {}).items():
            if fnmatchcase(name, pattern):
                rate = lr * settings["lr_mult"] if "lr_mult" in settings else rate
                decay = settings.get("weight_decay", decay)
        in_backbone = name.startswith(BACKBONE)
        new = {"params": [], "lr": rate, "base_lr": rate, "weight_decay": decay, "in_backbone": in_backbone}
        groups.setdefault((in_backbone, rate, decay), new)["params"].append(parameter)
    return list(groups.values())


def lr_multiples(model: nn.Module, head_lr_mult: float, layer_decay: float) -> dict[str, float]:
    """The rate of each parameter, as a multiple of `lr`."""
    names = [name for name, _ in model.named_parameters()]
    multiples = {name: 1.0 if name.startswith(BACKBONE) else head_lr_mult for name in names}
    if layer_decay == 1:
        return multiples
    layers = depths(model.backbone)
    last = max(layers.values())
    return multiples | {BACKBONE + name: layer_decay ** (last - layer) for name, layer in layers.items()}


def names_without_decay(model: nn.Module, norms: bool, biases: bool, embeddings: bool) -> set[str]:
    found = names_in_norms(model) if norms else set()
    for name, _ in model.named_parameters():
        if (biases and name.endswith(".bias")) or (embeddings and EMBEDDING.search(name)):
            found.add(name)
    return found


def try_optimizer(builder: Callable, arguments: Mapping, path: str, params: None) -> None:
    """For the config check: build the optimizer for one parameter, so that PyTorch checks the settings."""
    call(builder, arguments, path, params=[nn.Parameter(torch.zeros(1))])


OptimizerConfig = Annotated[
    Mapping, Made(OPTIMIZERS, {"params": None, "model": UNKNOWN}, parameter_groups, try_optimizer)
]


def names_in_norms(model: nn.Module) -> set[str]:
    """The names of the parameters of batch, group, layer and instance norms."""
    names = set()
    for prefix, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm | nn.LayerNorm):
            names |= {f"{prefix}.{name}" for name, _ in module.named_parameters(recurse=False)}
    return names


def check_rules(rules: Mapping[str, Any], named: Mapping[str, nn.Parameter]) -> None:
    for pattern in rules:
        if not any(fnmatchcase(name, pattern) for name in named):
            raise ConfigError(f"optimizer.rules.{pattern}: matches no parameter.{did_you_mean(pattern, named)}")


def optimizer_state(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, dict]:
    """The optimizer's state by parameter name, so that groups may change between runs."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(parameter)]: dict(state) for parameter, state in optimizer.state.items()}


def load_optimizer_state(optimizer: torch.optim.Optimizer, model: nn.Module, state: Mapping[str, dict]) -> None:
    """Restore the state of each parameter; learning rates and decay stay those of the config."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    ordered = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
    unknown = sorted(set(state) - set(ordered))
    if unknown:
        raise CheckpointError(
            f"its optimizer state has parameters that this run does not train: {short(unknown[:3], 300)}"
        )
    parameters = dict(model.named_parameters())
    for name, own in state.items():
        if not isinstance(own, Mapping) or not all(fits(value, parameters[name]) for value in own.values()):
            raise CheckpointError(f"its optimizer state of {name} has another shape or type")
    groups = optimizer.state_dict()["param_groups"]
    numbered = {i: laid_out(state[name], parameters[name]) for i, name in enumerate(ordered) if name in state}
    optimizer.load_state_dict({"state": numbered, "param_groups": groups})
    fill_momentum(optimizer)


def fill_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Give parameters that were frozen before a momentum of zero: PyTorch's fused SGD wants that of all, or none."""
    if not (optimizer.defaults.get("fused") and optimizer.defaults.get("momentum")):
        return
    states = {p: optimizer.state[p] for group in optimizer.param_groups for p in group["params"]}
    without = [p for p, state in states.items() if state.get("momentum_buffer") is None]
    if len(without) < len(states):
        for parameter in without:
            states[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def laid_out(state: Mapping[str, Any], parameter: Tensor) -> dict[str, Any]:
    """The state with tensors in the parameter's memory format, which fused kernels take for granted."""
    return {
        key: torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        if isinstance(value, Tensor) and value.ndim and not is_dtensor(parameter)
        else value
        for key, value in state.items()
    }


def fits(value: Any, parameter: nn.Parameter) -> bool:
    """Whether a value is a number, or a tensor of the parameter's shape."""
    if not isinstance(value, Tensor) or not value.ndim:
        return value is None or isinstance(value, Tensor | bool | int | float)
    return value.shape == parameter.shape and value.is_floating_point() and value.layout == torch.strided
