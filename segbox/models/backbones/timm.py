"""Any network of timm (https://github.com/huggingface/pytorch-image-models) as a backbone."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.errors import ConfigError, UserError, did_you_mean
from segbox.models.layers.probe import SizeRule, find_size_rule, maps_and_unused, takes
from segbox.registry import BACKBONES
from segbox.weights.mean_std import Card

logger = logging.getLogger("segbox")
TEST = "test_resnet"
# What lets a network take images of any size: the first of these that it knows.
ANY_SIZE = {"dynamic_img_size": True, "strict_img_size": False}


@BACKBONES.register
class Timm(nn.Module):
    """`name` is timm's, with a tag for the weights if wanted ("convnext_tiny.fb_in22k"); channels and strides too.

    A convolutional or hierarchical network gives all its maps, a plain ViT its last one, after the final norm;
    `out_indices` picks others (ViT: the numbers of blocks). `variant` is another word for `name`, the one that all
    backbones know, and variant="test" a tiny network whatever the name. `pretrained` downloads timm's weights.
    `model_arguments` go to timm as they are: dict(drop_path_rate=0.1), dict(patch_size=16), dict(img_size=512).
    Images are padded inside to whole patches, maps are cut to ceil(size / stride).

    `card` is what the weights were trained with: the mean and std of a model whose config states none. With pretrained
    weights, others are refused unless `check_card` is False. `unused` names the parameters that no map depends on.
    """

    def __init__(
        self,
        name: str | None = None,
        variant: str | None = None,
        output_stride: int = 32,
        in_channels: Count = 3,
        pretrained: bool = False,
        out_indices: Sequence[int] | None = None,
        model_arguments: Mapping[str, Any] | None = None,
        check_card: bool = True,
    ) -> None:
        super().__init__()
        self.name = wanted_name(name, variant)
        if out_indices is not None and not out_indices:
            raise ValueError("out_indices=[]: name one map or more, or leave it out")
        dilation = {} if output_stride == 32 else {"output_stride": output_stride}
        arguments = {"in_chans": in_channels, **dilation, **(model_arguments or {})}
        self.plan_for = partial(plan_network, self.name, arguments, out_indices)  # sizes of images
        plan = self.plan_for()
        self.in_channels, self.patch, self.strides = in_channels, plan.patch, plan.strides
        self.size_rule = find_size_rule(plan.trial, in_channels, plan.patch, plan.own_size)
        self.channels, self.unused = try_out(plan, in_channels, self.size_rule)
        self.network = plan.build(pretrained)
        self.card = card_of(self.name, plan.pretrained_cfg, pretrained and check_card)
        if output_stride != 32 and max(self.strides) != output_stride:
            raise ValueError(
                f"output_stride {output_stride}: {self.name} has the strides {self.strides}, whatever is asked"
            )
        if self.unused:
            logger.info(
                f"model.backbone: {len(self.unused)} parameters of {self.name} are not needed for its maps and not"
                f" trained ({', '.join(self.unused[:3])}{', ...' if len(self.unused) > 3 else ''})"
            )

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        (height, width), (rows, columns) = images.shape[-2:], self.size_rule.multiple
        self.check_size(height, width)
        padded = F.pad(images, (0, -width % columns, 0, -height % rows))
        maps = channels_first(self.network, self.network(padded))
        return tuple(x[..., : -(-height // s), : -(-width // s)] for x, s in zip(maps, self.strides))

    def check_size(self, height: int, width: int) -> None:
        """Refuse images that are larger than the network takes, with what to do."""
        own = self.size_rule.only
        if own is None or (height <= own[0] and width <= own[1]):
            return
        larger = self.size_to_build_for(height, width)
        rebuilt = f" Or build it for them: model.backbone.model_arguments=dict(img_size={larger})." if larger else ""
        raise ConfigError(
            f"model.backbone: timm's {self.name} takes images of up to {own[0]}x{own[1]} (height x width), and got"
            f" {height}x{width}. Train on crops of that size (RandomCrop size={own}) and predict by windows"
            f' (test.mode="slide", test.window={own}).{rebuilt}'
        )

    def size_to_build_for(self, height: int, width: int) -> tuple[int, int] | None:
        """Of whole patches, square if need be; None where the network cannot be built for such images."""
        rows, columns = (-(-side // self.patch) * self.patch for side in (height, width))
        for size in ((rows, columns), (max(rows, columns),) * 2):
            with suppress(ValueError, RuntimeError):  # it has no such argument, or not this size
                if takes(self.plan_for(size).trial, self.in_channels, size):
                    return size
        return None


@dataclass(frozen=True)
class Plan:
    """A network of timm before it is built."""

    build: Callable[[bool], nn.Module]  # with its pretrained weights, or without
    trial: nn.Module  # the same without numbers
    channels: tuple[int, ...]  # as timm says
    strides: tuple[int, ...]
    patch: int  # images are whole multiples of it
    own_size: tuple[int, int]  # of the images that it was made for
    pretrained_cfg: Mapping[str, Any]


def plan_network(
    name: str, arguments: Mapping[str, Any], out_indices: Sequence[int] | None, img_size: tuple[int, int] | None = None
) -> Plan:
    arguments = {**arguments, "img_size": img_size} if img_size else arguments
    with torch.device("meta"):
        whole = create(name, arguments)  # costs nothing, and knows what the network is
    known = inspect.signature(type(whole).__init__).parameters
    size = arguments.get("img_size") or whole.pretrained_cfg["input_size"][1:]
    size = (size, size) if isinstance(size, int) else tuple(size)
    arguments = dict([item for item in ANY_SIZE.items() if item[0] in known][:1]) | dict(arguments)
    levels = getattr(whole, "feature_info", None)
    if not levels:
        raise ValueError(f"timm's {name} gives no maps")
    reductions = [level["reduction"] for level in levels]
    about = (max(reductions), size, whole.pretrained_cfg)
    if len(set(reductions)) == 1:
        indices = checked([-1] if out_indices is None else out_indices, len(reductions))
        build = partial(plain_maps, name, arguments, indices)
        channels, strides = zip(*((levels[i]["num_chs"], reductions[i]) for i in indices))
        return Plan(build, on_meta(build), channels, strides, *about)
    chosen = {} if out_indices is None else {"out_indices": tuple(out_indices)}
    build = partial(create, name, {**arguments, **chosen, "features_only": True})
    trial = on_meta(build)
    return Plan(build, trial, tuple(trial.feature_info.channels()), tuple(trial.feature_info.reduction()), *about)


def on_meta(build: Callable[[bool], nn.Module]) -> nn.Module:
    """In training: in evaluation some networks keep what they made of their parameters, without gradient."""
    with torch.device("meta"):
        return build(False).train()


def try_out(plan: Plan, in_channels: int, rule: SizeRule) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The channels of the maps, and the parameters that none of them depends on."""
    height, width = (-(-own // side) * side for own, side in zip(plan.own_size, rule.multiple))
    found = maps_and_unused(plan.trial, in_channels, (height, width))
    if found is None:
        return plan.channels, ()
    maps, unused = found
    return tuple(x.shape[1] for x in channels_first(plan.trial, maps)), tuple(f"network.{name}" for name in unused)


def channels_first(network: nn.Module, maps: Sequence[Tensor]) -> Sequence[Tensor]:
    if getattr(network, "output_fmt", None) == "NHWC":
        maps = [x.permute(0, 3, 1, 2).contiguous() for x in maps]  # B H W C -> B C H W
    return maps


def card_of(name: str, pretrained_cfg: Mapping[str, Any], is_binding: bool) -> Card:
    """timm counts in parts of 1."""
    mean, std = (tuple(round(255 * part, 6) for part in pretrained_cfg[key]) for key in ("mean", "std"))
    return Card(name, mean, std, is_binding)


def plain_maps(name: str, arguments: Mapping[str, Any], indices: list[int], pretrained: bool = False) -> "PlainMaps":
    return PlainMaps(create(name, arguments, pretrained), indices)


class PlainMaps(nn.Module):
    """A network whose blocks all have one stride; their outputs as maps, each after the final norm."""

    def __init__(self, model: nn.Module, indices: list[int]) -> None:
        super().__init__()
        self.indices = model.prune_intermediate_layers(indices, prune_norm=False)
        self.model = model

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.model.forward_intermediates(
            images, indices=self.indices, norm=True, output_fmt="NCHW", intermediates_only=True
        )


def checked(indices: Sequence[int], count: int) -> list[int]:
    if not indices or any(not -count <= i < count for i in indices):
        raise ValueError(f"out_indices {tuple(indices)}: expected some of 0..{count - 1}, or -1 for the last")
    return sorted({i % count for i in indices})


def wanted_name(name: str | None, variant: str | None) -> str:
    if variant == "test":
        return TEST
    if (name is None) == (variant is None):
        raise ValueError('say which network of timm, once: name="convnext_tiny"')
    return name or variant


def create(name: str, arguments: Mapping[str, Any], pretrained: bool = False) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise UserError('type="Timm" needs timm: pip install "segbox[timm]"') from None
    is_elsewhere = ":" in name  # hf-hub:..., local-dir:...
    if not is_elsewhere and not timm.is_model(name):
        raise ValueError(
            f"timm {timm.__version__} has no network {name!r}.{did_you_mean(name, timm.list_models())}"
            ' timm.list_models() names them all; "test" is a tiny one'
        )
    try:
        return timm.create_model(name, pretrained=pretrained, **arguments)
    except (TypeError, AssertionError, NotImplementedError, IndexError) as error:
        raise ValueError(f"timm cannot build {name} with {dict(arguments)}: {error}") from error
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise UserError(
            f"timm has no weights of {name}, or cannot reach them: {str(error).splitlines()[0].rstrip('.')}."
            " With pretrained=False it begins at random"
        ) from error
