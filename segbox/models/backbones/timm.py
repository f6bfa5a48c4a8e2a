"""Any network of timm (https://github.com/huggingface/pytorch-image-models) as a backbone."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.errors import ConfigError, UserError, did_you_mean
from segbox.models.layers.probe import SizeRule, accepts, find_size_rule, maps_and_unused
from segbox.registry import BACKBONES
from segbox.weights.mean_std import Card
from segbox.weights.sources.find import find_weights

from .timm_tokens import embed, require_plain

logger = logging.getLogger("segbox")
TEST = "test_resnet"
# Arguments that let a network accept images of any size; the first one that the network has is used.
ANY_SIZE = {"dynamic_img_size": True, "strict_img_size": False}


@BACKBONES.register
class Timm(nn.Module):
    """`name` is a model name of timm, with a tag for other weights ("convnext_tiny.fb_in22k").

    A convolutional or hierarchical network returns all its maps, a plain ViT its last one, after the final norm;
    `out_indices` chooses others (ViT: block numbers). `variant` is the same as `name`, for commands that set the
    variant of any backbone; variant="test" is a tiny network. `pretrained` begins from the weights timm://NAME.
    `model_arguments` are passed to timm: dict(drop_path_rate=0.1), dict(patch_size=16), dict(img_size=512). Images are
    padded to whole patches, maps are cropped to ceil(size / stride). `map_norm` is the eps of a layer norm on each map,
    which has none if it is None: Swin and ConvNeXt are used with it for segmentation.

    `card` has the mean and std that the weights were trained with; a model uses them if its config has none. With
    pretrained weights, another mean or std is an error unless `check_card` is False. `unused` are the names of the
    parameters that no map depends on. For a head that runs the blocks of a plain ViT itself, the program sets
    `gives_tokens`: the only "map" is then the `Tokens` before the first block.
    """

    layer_pattern = r"network\.(?:model\.)?(?:blocks|stages?|layers?)[._]?(\d+)\."

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
        map_norm: float | None = None,
        gives_tokens: bool = False,
    ) -> None:
        super().__init__()
        self.name = wanted_name(name, variant)
        if out_indices is not None and not out_indices:
            raise ValueError("out_indices=[]: expected one index or more; remove it for the default")
        dilation = {} if output_stride == 32 else {"output_stride": output_stride}
        arguments = {"in_chans": in_channels, **dilation, **(model_arguments or {})}
        self.plan_for = partial(plan_network, self.name, arguments, out_indices)  # called with a size of images
        indices = None if out_indices is None else tuple(out_indices)
        plan, self.size_rule, self.channels, self.unused = examined(self.name, Arguments(arguments), indices)
        self.in_channels, self.patch, self.strides = in_channels, plan.patch, plan.strides
        self.network = plan.build(pretrained)
        self.gives_tokens = gives_tokens
        if gives_tokens:
            require_plain(getattr(self.network, "model", self.network), self.name)
        self.map_norms = nn.ModuleList(nn.LayerNorm(c, map_norm) for c in self.channels if map_norm is not None)
        self.card = card_of(self.name, plan.pretrained_cfg, pretrained and check_card)
        if output_stride != 32 and max(self.strides) != output_stride:
            raise ValueError(
                f"output_stride {output_stride}: {self.name} does not support it, its strides are {self.strides}"
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
        if self.gives_tokens:
            return (embed(self.network.model, padded, (height, width)),)
        maps = channels_first(self.network, self.network(padded))
        if self.map_norms:
            maps = [norm(x.movedim(1, -1)).movedim(-1, 1).contiguous() for norm, x in zip(self.map_norms, maps)]
        # Not -(-height // s): exported graphs round the division of a negative number towards zero.
        return tuple(x[..., : (height + s - 1) // s, : (width + s - 1) // s] for x, s in zip(maps, self.strides))

    def check_size(self, height: int, width: int) -> None:
        """Raise ConfigError for images that are larger than the network accepts."""
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
        """A size of whole patches, square if necessary; None if the network cannot be built for such images."""
        rows, columns = (-(-side // self.patch) * self.patch for side in (height, width))
        for size in ((rows, columns), (max(rows, columns),) * 2):
            with suppress(ValueError, RuntimeError):  # it has no argument img_size, or does not support this size
                if accepts(self.plan_for(size).trial, self.in_channels, size):
                    return size
        return None


@dataclass(frozen=True)
class Plan:
    """A network of timm before it is built."""

    build: Callable[[bool], nn.Module]  # with its pretrained weights, or without
    trial: nn.Module  # the same on the meta device
    channels: tuple[int, ...]  # from timm
    strides: tuple[int, ...]
    patch: int  # image sizes are multiples of it
    own_size: tuple[int, int]  # of the images that it was built for
    pretrained_cfg: Mapping[str, Any]


def plan_network(
    name: str, arguments: Mapping[str, Any], out_indices: Sequence[int] | None, img_size: tuple[int, int] | None = None
) -> Plan:
    arguments = {**arguments, "img_size": img_size} if img_size else arguments
    whole = {key: value for key, value in arguments.items() if key != "output_stride"}  # some take it for maps only
    with torch.device("meta"):
        network = create(name, whole)  # on meta this takes no memory, and it has the network's metadata
    known = inspect.signature(type(network).__init__).parameters
    size = arguments.get("img_size") or network.pretrained_cfg["input_size"][1:]
    size = (size, size) if isinstance(size, int) else tuple(size)
    arguments = dict([item for item in ANY_SIZE.items() if item[0] in known][:1]) | dict(arguments)
    levels = getattr(network, "feature_info", None)
    if not levels:
        raise ValueError(f"timm's {name} gives no maps")
    reductions = [level["reduction"] for level in levels]
    about = (max(reductions), size, network.pretrained_cfg)
    if len(set(reductions)) == 1:
        indices = checked([-1] if out_indices is None else out_indices, len(reductions))
        build = partial(plain_maps, name, arguments, indices)
        channels, strides = zip(*((levels[i]["num_chs"], reductions[i]) for i in indices))
        return Plan(build, on_meta(build), channels, strides, *about)
    chosen = {} if out_indices is None else {"out_indices": tuple(out_indices)}
    build = partial(create, name, {**arguments, **chosen, "features_only": True})
    trial = on_meta(build)
    return Plan(build, trial, tuple(trial.feature_info.channels()), tuple(trial.feature_info.reduction()), *about)


class Arguments(dict):
    """Of a network, as the key of a cache."""

    def __hash__(self) -> int:
        return hash(repr(sorted(self.items())))


@lru_cache(maxsize=8)
def examined(
    name: str, arguments: Arguments, out_indices: tuple[int, ...] | None
) -> tuple[Plan, SizeRule, tuple[int, ...], tuple[str, ...]]:
    """The plan, the sizes of images, the channels of the maps, and the parameters that no map depends on.

    Kept, as it takes seconds: a run builds its model once to check the config, and once to train it."""
    plan = plan_network(name, arguments, out_indices)
    size_rule = find_size_rule(plan.trial, arguments["in_chans"], plan.patch, plan.own_size)
    return plan, size_rule, *channels_and_unused(plan, arguments["in_chans"], size_rule)


def on_meta(build: Callable[[bool], nn.Module]) -> nn.Module:
    """In training mode: in evaluation some networks cache tensors made from their parameters, without gradient."""
    with torch.device("meta"):
        return build(False).train()


def channels_and_unused(plan: Plan, in_channels: int, rule: SizeRule) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The channels of the maps, and the parameters that no map depends on."""
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
    """The mean and std of timm, which are for images from 0 to 1, for bytes."""
    mean, std = (tuple(round(255 * part, 6) for part in pretrained_cfg[key]) for key in ("mean", "std"))
    return Card(name, mean, std, is_binding)


def plain_maps(name: str, arguments: Mapping[str, Any], indices: list[int], pretrained: bool = False) -> "PlainMaps":
    return PlainMaps(create(name, arguments, pretrained), indices)


class PlainMaps(nn.Module):
    """A network whose blocks all have one stride. Its maps are outputs of blocks, each after the final norm."""

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
        raise ValueError('give the name of one network of timm: name="convnext_tiny"')
    return name or variant


def create(name: str, arguments: Mapping[str, Any], pretrained: bool = False) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise UserError('type="Timm" needs timm: pip install "segbox[timm]"') from None
    is_elsewhere = ":" in name  # hf-hub:..., local-dir:...: timm reads these itself
    if not is_elsewhere and not timm.is_model(name):
        raise ValueError(
            f"timm {timm.__version__} has no network {name!r}.{did_you_mean(name, timm.list_models())}"
            ' See timm.list_models(); "test" is a tiny one'
        )
    if pretrained and not is_elsewhere and "pretrained_cfg" not in arguments:
        arguments = with_file(timm.get_pretrained_cfg(name).to_dict(), arguments)
    try:
        return timm.create_model(name, pretrained=pretrained, **arguments)
    except (TypeError, AssertionError, NotImplementedError, IndexError) as error:
        raise ValueError(f"timm cannot build {name} with {dict(arguments)}: {error}") from error
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise UserError(
            f"timm has no weights of {name}, or cannot reach them: {str(error).splitlines()[0].rstrip('.')}."
            " With pretrained=False it starts from random weights"
        ) from error


def with_file(pretrained_cfg: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the file of the weights, which is found, or downloaded, like all other weights."""
    overlay = arguments.get("pretrained_cfg_overlay") or {}
    word = word_of({**pretrained_cfg, **overlay})
    if word is None:
        return dict(arguments)
    file = find_weights(word, "begin without it: model.backbone.pretrained=False")
    return {**arguments, "pretrained_cfg_overlay": {**overlay, "file": str(file.path), "custom_load": False}}


def word_of(pretrained_cfg: Mapping[str, Any]) -> str | None:
    """The word of timm's weights; None if timm itself must read them, or if there are none."""
    if pretrained_cfg.get("file") or isinstance(pretrained_cfg.get("custom_load"), str):
        return None
    repository, file = pretrained_cfg.get("hf_hub_id"), pretrained_cfg.get("hf_hub_filename")
    if repository and not file and repository.startswith("timm/"):
        return f"timm://{repository.removeprefix('timm/')}"
    if repository:
        return f"hf://{repository}" + (f"/{file}" if file else "")
    return None if pretrained_cfg.get("custom_load") else pretrained_cfg.get("url") or None
