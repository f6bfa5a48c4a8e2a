"""Which parameters and batch norms of a model do not learn.

The model keeps the choices: `frozen` and `unused` are names of parameters of its backbone, `frozen_statistics` and
`frozen_affine` names of the parts whose batch norms keep their running statistics, or their scale and shift.
"""

from collections.abc import Sequence

import torch
from torch import nn

from segbox.models.norms import batch_norms

PARTS = ("backbone", "neck", "decode_head", "auxiliary_heads")
PROBE = 64  # pixels per side of the image that finds what the first maps depend on


def freeze_backbone(model: nn.Module, stages: int | None = None) -> None:
    """Freeze weights and statistics of the backbone, or of what its first `stages` maps depend on."""
    if stages is None:
        model.frozen = frozenset(name for name, _ in model.backbone.named_parameters())
    else:
        model.frozen = frozenset(parameters_of_maps(model.backbone, stages, model.mean.numel()))
    apply_freezing(model)


def train_backbone(model: nn.Module) -> None:
    """Undo `freeze_backbone`. Batch norms that `freeze_batch_norm` froze stay frozen."""
    model.frozen = frozenset()
    model.backbone.requires_grad_(True)
    apply_freezing(model)


def freeze_batch_norm(model: nn.Module, statistics: bool, affine: bool, parts: Sequence[str]) -> None:
    """Freeze the running statistics, the scale and shift, or both, of the batch norms of these parts."""
    if statistics:
        model.frozen_statistics = tuple(parts)
    if affine:
        model.frozen_affine = tuple(parts)
    apply_freezing(model)


def train_batch_norm(model: nn.Module) -> None:
    """Undo `freeze_batch_norm`. A frozen backbone stays frozen."""
    model.frozen_statistics = model.frozen_affine = ()
    for norm in norms_of(model, PARTS):
        norm.requires_grad_(True)
    apply_freezing(model)


def apply_freezing(model: nn.Module) -> None:
    freeze_parameters(model)
    model.train(model.training)


def freeze_parameters(model: nn.Module) -> None:
    """No gradients for parameters that are frozen, or that no map depends on."""
    for name in model.frozen | model.unused:
        model.backbone.get_parameter(name).requires_grad_(False)
    for norm in norms_of(model, model.frozen_affine):
        norm.requires_grad_(False)


def keep_frozen_in_eval(model: nn.Module) -> None:
    """What `.train()` does last: frozen modules and batch norms go back to evaluation mode."""
    for module in frozen_modules(model):
        module.eval()
    for norm in norms_of(model, model.frozen_statistics):
        norm.eval()


def frozen_modules(model: nn.Module) -> list[nn.Module]:
    """The modules of the backbone, at every depth, whose parameters are all frozen."""
    owned = ((module, module.named_parameters(name)) for name, module in model.backbone.named_modules())
    names = ((module, {name for name, _ in parameters}) for module, parameters in owned)
    return [module for module, own in names if own and own <= model.frozen]


def norms_of(model: nn.Module, parts: Sequence[str]) -> list[nn.Module]:
    return [norm for part in parts for norm in batch_norms(getattr(model, part))]


def parameters_of_maps(backbone: nn.Module, count: int, in_channels: int) -> set[str]:
    """The names of all parameters that the first `count` maps depend on, found with a backward pass."""
    known = len(backbone.channels)
    if not 1 <= count <= known:
        raise ValueError(f"stages={count}: this backbone has {known} maps, so 1 to {known} (None: all of it)")
    parameters = dict(backbone.named_parameters())
    learning = {name: p.requires_grad for name, p in parameters.items()}
    was_training = backbone.training
    first = next(iter(parameters.values()))
    images = torch.zeros(1, in_channels, PROBE, PROBE, device=first.device, dtype=first.dtype)
    try:
        backbone.requires_grad_(True).eval()
        with torch.enable_grad():
            total = sum(x.sum() for x in backbone(images)[:count])
            gradients = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    finally:
        backbone.train(was_training)
        for name, p in parameters.items():
            p.requires_grad_(learning[name])
    return {name for name, gradient in zip(parameters, gradients) if gradient is not None}
