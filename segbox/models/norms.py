"""Converts the batch norms of a finished model to SyncBN, group norm, or frozen batch norm."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from segbox import distributed

NORMS = ("SyncBN", "GN", "frozen")
GROUPS = 32


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]


def convert_norm(module: nn.Module, kind: str) -> nn.Module:
    """The module with each batch norm replaced; scale and shift are kept.

    "SyncBN": statistics over all processes (on CPUs, see `sync_on_cpus`). "GN": 32 groups, or the largest number below
    32 that divides the channels. "frozen": the layers are kept, with fixed statistics, scale and shift.
    """
    if kind not in NORMS:
        raise ValueError(f"there is no norm {kind!r}; norms: {', '.join(NORMS)}")
    if kind == "frozen":
        freeze_norms(module)
        return module
    for name, child in module.named_children():
        setattr(module, name, convert_norm(child, kind))
    if not isinstance(module, _BatchNorm) or isinstance(module, nn.SyncBatchNorm):
        return module
    if kind == "SyncBN" and type(module).__module__.startswith("timm."):
        from timm.layers import (
            convert_sync_batchnorm,
        )  # its norms include an activation, which PyTorch's conversion drops

        return convert_sync_batchnorm(module)
    if type(module) not in (nn.BatchNorm1d, nn.BatchNorm2d):
        raise ValueError(f"norm {kind!r}: batch norms of the type {type(module).__name__} cannot be converted")
    return nn.SyncBatchNorm.convert_sync_batchnorm(module) if kind == "SyncBN" else group_norm(module)


def freeze_norms(module: nn.Module) -> None:
    for norm in batch_norms(module):
        norm.eval().requires_grad_(False)


class SharedBatchNorm(_BatchNorm):
    """nn.SyncBatchNorm for CPUs, which PyTorch's does not support: statistics are computed over all processes."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or distributed.world_size() == 1:
            return super().forward(x)
        result, mean, variance = _Normalize.apply(x, self.weight, self.bias, self.eps)
        if self.track_running_stats:
            self.num_batches_tracked.add_(1)
            new = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), new)
            self.running_var.lerp_(variance.to(self.running_var.dtype), new)
        return result

    def _check_input_dim(self, x: Tensor) -> None: ...  # any number of dimensions, as in nn.SyncBatchNorm


class _SharedBatchNormAct(SharedBatchNorm):
    """For timm's norms, which include dropout and an activation."""

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(x)))


def sync_on_cpus(module: nn.Module) -> nn.Module:
    """The module with each nn.SyncBatchNorm converted, in place, to one that also works on CPUs."""
    for norm in module.modules():
        if isinstance(norm, nn.SyncBatchNorm):  # the same parameters and buffers, another forward
            norm.__class__ = SharedBatchNorm if type(norm) is nn.SyncBatchNorm else _SharedBatchNormAct
    return module


class _Normalize(torch.autograd.Function):
    """Batch norm over the pixels of all processes, which may have different numbers of pixels.

    Also returns the mean and the unbiased variance, in float64. The gradients of weight and bias are those of the
    process alone, as DDP averages them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[Tensor, ...]:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(wide, dims_but_channels(x), correction=0)
        count = torch.full_like(mean, x.numel() / len(mean))
        means, variances, counts = distributed.gather_tensors(torch.stack([mean, variance, count]).double()).unbind(1)
        total = counts.sum(dim=0)
        if total[0] <= 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {tuple(x.shape)}")
        mean = (counts * means).sum(dim=0) / total
        variance = (counts * (variances + (means - mean).square())).sum(dim=0) / total
        scale = (variance + eps).rsqrt().to(wide.dtype)
        normal = (wide - along_channels(mean.to(wide.dtype), x)) * along_channels(scale, x)
        ctx.save_for_backward(normal, scale, weight, total)
        ctx.dtype = x.dtype
        result = normal if weight is None else normal * along_channels(weight, x) + along_channels(bias, x)
        unbiased = variance * total / (total - 1)
        ctx.mark_non_differentiable(mean, unbiased)
        return result.to(x.dtype), mean, unbiased

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *unused: Tensor) -> tuple[Tensor | None, ...]:
        normal, scale, weight, total = ctx.saved_tensors
        gradient = gradient.to(normal.dtype)
        own = torch.stack([(gradient * normal).sum(dims_but_channels(normal)), gradient.sum(dims_but_channels(normal))])
        by_weight, by_bias = (None, None) if weight is None else own.to(weight.dtype).unbind()
        slope, shift = (distributed.gather_tensors(own.double()).sum(dim=0) / total).to(normal.dtype)
        factor = scale if weight is None else scale * weight
        inner = gradient - normal * along_channels(slope, normal) - along_channels(shift, normal)
        return (inner * along_channels(factor, normal)).to(ctx.dtype), by_weight, by_bias, None


def dims_but_channels(x: Tensor) -> list[int]:
    return [0, *range(2, x.dim())]


def along_channels(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *[1] * (x.dim() - 2))


def group_norm(norm: _BatchNorm) -> nn.GroupNorm:
    groups = math.gcd(GROUPS, norm.num_features)
    new = nn.GroupNorm(groups, norm.num_features, norm.eps, norm.affine)
    if norm.affine:
        new.load_state_dict({"weight": norm.weight, "bias": norm.bias})
    return new.to(norm.weight.device) if norm.affine else new
