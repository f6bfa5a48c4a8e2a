"""Any network of timm (https://github.com/huggingface/pytorch-image-models) as a backbone."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.errors import UserError, did_you_mean
from segbox.registry import BACKBONES

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
    ) -> None:
        super().__init__()
        name = wanted_name(name, variant)
        if out_indices is not None and not out_indices:
            raise ValueError("out_indices=[]: name one map or more, or leave it out")
        dilation = {} if output_stride == 32 else {"output_stride": output_stride}
        arguments = {"in_chans": in_channels, **dilation, **(model_arguments or {})}
        with torch.device("meta"):
            plan = create(name, arguments)  # costs nothing, and knows what the network is
        known = inspect.signature(type(plan).__init__).parameters
        arguments = dict([item for item in ANY_SIZE.items() if item[0] in known][:1]) | arguments

        levels = getattr(plan, "feature_info", None)
        if not levels:
            raise ValueError(f"timm's {name} gives no maps")
        strides = [level["reduction"] for level in levels]
        if len(set(strides)) == 1:
            indices = checked([-1] if out_indices is None else out_indices, len(strides))
            self.network = PlainMaps(create(name, arguments, pretrained), indices)
            self.channels = tuple(levels[i]["num_chs"] for i in indices)
            self.strides = tuple(strides[i] for i in indices)
        else:
            chosen = {} if out_indices is None else {"out_indices": tuple(out_indices)}
            self.network = create(name, {**arguments, **chosen, "features_only": True}, pretrained)
            self.channels = tuple(self.network.feature_info.channels())
            self.strides = tuple(self.network.feature_info.reduction())
            if output_stride != 32 and max(self.strides) != output_stride:
                raise ValueError(
                    f"output_stride {output_stride}: {name} has the strides {self.strides}, whatever is asked"
                )
        self.patch = max(strides)
        self.is_channel_last = getattr(self.network, "output_fmt", None) == "NHWC"

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        height, width = images.shape[-2:]
        maps = self.network(F.pad(images, (0, -width % self.patch, 0, -height % self.patch)))
        if self.is_channel_last:
            maps = [x.permute(0, 3, 1, 2).contiguous() for x in maps]  # B H W C -> B C H W
        return tuple(x[..., : -(-height // s), : -(-width // s)] for x, s in zip(maps, self.strides))


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
