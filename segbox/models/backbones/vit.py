"""The plain vision transformer (https://arxiv.org/abs/2010.11929), in the form that mmsegmentation trains.

timm's resizes positions with antialiasing, and puts the final norm on all maps: use it (`Timm`) for its own weights.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.drop_path import drop_rates
from segbox.models.layers.tokens import Tokens
from segbox.models.layers.vit_block import (
    QuickGELU,
    TransformerBlock,
    embedded,
    initialize_transformer,
    resized_positions,
)
from segbox.registry import BACKBONES

# variant: (channels, blocks, attention heads)
VARIANTS = {
    "tiny": (192, 12, 3),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
    "test": (8, 4, 2),
}
MAPS = 4
ACTIVATIONS = {"gelu": nn.GELU, "quick_gelu": QuickGELU}


@BACKBONES.register
class VisionTransformer(nn.Module):
    """Maps of stride 16, the outputs of the blocks `out_indices`: by default of four blocks at equal distances.

    Images of any size are accepted: they are padded to whole patches, and the positions, which are those of an image of
    `image_size`, are resized ("bicubic" or "bilinear"). The class token is "seen" by the other tokens, "joined" to each
    map (which then has twice the channels, the last half the same everywhere, as DPTHead reads it), or left "out".
    `final_norm` is a norm behind the last block. CLIP's image encoder has `first_norm`, before the first block, and the
    activation "quick_gelu".

    For a head that runs the blocks itself, the program sets `gives_tokens`: the only "map" is then the `Tokens` before
    the first block. Only such a head can read images that are scaled by `image_scale`; of these, parts of patches at
    the right and at the bottom are cut off, as SAN does it.
    """

    layer_pattern = r"blocks\.(\d+)\."

    def __init__(
        self,
        variant: str = "base",
        in_channels: Count = 3,
        image_size: Count = 224,
        patch: Count = 16,
        out_indices: Sequence[int] | None = None,
        class_token: Literal["seen", "joined", "out"] = "seen",
        final_norm: bool = False,
        resize: Literal["bicubic", "bilinear"] = "bicubic",
        eps: float = 1e-6,
        drop_path: Fraction = 0.0,
        first_norm: bool = False,
        activation: Literal["gelu", "quick_gelu"] = "gelu",
        image_scale: float = 1.0,
        gives_tokens: bool = False,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no VisionTransformer {variant!r}; variants: {', '.join(VARIANTS)}")
        check_tokens(gives_tokens, class_token, image_scale, patch)
        width, depth, heads = VARIANTS[variant]
        self.out_indices = checked(out_indices, depth)
        self.class_place, self.resize_mode = class_token, resize
        self.gives_tokens, self.image_scale, self.heads = gives_tokens, image_scale, heads
        self.side = image_size // patch
        self.embed = nn.Conv2d(in_channels, width, patch, patch, bias=False)  # the positions have one
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + self.side**2, width))  # of the class token, then by rows
        self.first_norm = nn.LayerNorm(width, eps) if first_norm else nn.Identity()
        kind, rates = ACTIVATIONS[activation], drop_rates(drop_path, depth)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, rate, eps, activation=kind) for rate in rates)
        self.norm = nn.LayerNorm(width, eps) if final_norm else nn.Identity()
        self.channels = (width * (2 if class_token == "joined" else 1),) * len(self.out_indices)
        self.strides = (round(patch / image_scale),) * len(self.out_indices)
        self.unused = ("class_token",) if class_token == "out" else ()
        initialize_transformer(self)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        nn.init.trunc_normal_(self.positions, std=0.02)

    def forward(self, images: Tensor) -> tuple[Tensor, ...] | tuple[Tokens]:
        x = embedded(self.embed, images) if self.image_scale == 1 else self.embed(self.scaled(images))
        size = x.shape[-2:]
        x = x + resized_positions(self.positions[:, 1:], self.side, size, self.resize_mode)
        x = x.flatten(2).transpose(1, 2)  # B N C
        is_seen = self.class_place != "out"
        if is_seen:
            first = self.class_token + self.positions[:, :1]
            x = torch.cat([first.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.first_norm(x)
        if self.gives_tokens:
            ropes = [None] * len(self.blocks)
            return (Tokens(x, tuple(size), tuple(images.shape[-2:]), self.blocks, self.norm, ropes, self.heads),)
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            x = self.norm(x) if i == len(self.blocks) - 1 else x
            if i in self.out_indices:
                maps.append(self.map_of(x[:, 1:] if is_seen else x, x[:, :1], size))
        return tuple(maps)

    def scaled(self, images: Tensor) -> Tensor:
        """The images at `image_scale`, of one patch or more."""
        height, width = (max(0, self.strides[0] - side) for side in images.shape[-2:])
        return F.interpolate(F.pad(images, (0, width, 0, height)), scale_factor=self.image_scale, mode="bilinear")

    def map_of(self, tokens: Tensor, class_token: Tensor, size: Sequence[int]) -> Tensor:
        if self.class_place == "joined":
            tokens = torch.cat([tokens, class_token.expand_as(tokens)], dim=2)
        return tokens.transpose(1, 2).unflatten(2, tuple(size)).contiguous()


def check_tokens(gives_tokens: bool, class_token: str, scale: float, patch: int) -> None:
    """Refuse what does not go with a head that reads tokens, or with one that reads maps."""
    if gives_tokens and class_token == "joined":
        raise ValueError('class_token="joined" is for maps, and the head reads tokens: take "seen" or "out"')
    if scale != 1 and (not 0 < scale <= patch or abs(patch / scale - round(patch / scale)) > 1e-6):
        raise ValueError(f"image_scale={scale}: expected patch / image_scale to be whole, and patch is {patch}")
    if scale != 1 and not gives_tokens:
        raise ValueError(f"image_scale={scale}: only heads that read tokens, such as SANHead, read scaled images")


def checked(out_indices: Sequence[int] | None, depth: int) -> tuple[int, ...]:
    """The numbers of the blocks, in order. The last block is one of them, so that every block is used."""
    if out_indices is None:
        return tuple(depth * (i + 1) // MAPS - 1 for i in range(MAPS))
    found = tuple(sorted({i % depth for i in out_indices if -depth <= i < depth}))
    if len(found) < len(out_indices) or depth - 1 not in found:
        raise ValueError(
            f"out_indices {tuple(out_indices)}: expected some of 0..{depth - 1}, each once, the last among them"
        )
    return found
