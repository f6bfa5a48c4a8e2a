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
from segbox.models.layers.vit_block import TransformerBlock, initialize_transformer
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


@BACKBONES.register
class VisionTransformer(nn.Module):
    """Maps of stride 16, the outputs of the blocks `out_indices`: by default of four blocks at equal distances.

    Images of any size are accepted: they are padded to whole patches, and the positions, which are those of an image of
    `image_size`, are resized ("bicubic" or "bilinear"). The class token is "seen" by the other tokens, "joined" to each
    map (which then has twice the channels, the last half the same everywhere, as DPTHead reads it), or left "out".
    `final_norm` is a norm behind the last block.
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
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no VisionTransformer {variant!r}; variants: {', '.join(VARIANTS)}")
        width, depth, heads = VARIANTS[variant]
        self.out_indices = checked(out_indices, depth)
        self.class_place, self.resize_mode = class_token, resize
        self.side = image_size // patch
        self.embed = nn.Conv2d(in_channels, width, patch, patch, bias=False)  # the positions have one
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + self.side**2, width))  # of the class token, then by rows
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, rate, eps) for rate in drop_rates(drop_path, depth))
        self.norm = nn.LayerNorm(width, eps) if final_norm else nn.Identity()
        self.channels = (width * (2 if class_token == "joined" else 1),) * len(self.out_indices)
        self.strides = (patch,) * len(self.out_indices)
        self.unused = ("class_token",) if class_token == "out" else ()
        initialize_transformer(self)
        nn.init.trunc_normal_(self.class_token, std=0.02)
        nn.init.trunc_normal_(self.positions, std=0.02)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = embedded(self.embed, images)
        size = x.shape[-2:]
        x = x + resized_positions(self.positions, self.side, size, self.resize_mode)
        x = x.flatten(2).transpose(1, 2)  # B N C
        is_seen = self.class_place != "out"
        if is_seen:
            first = self.class_token + self.positions[:, :1]
            x = torch.cat([first.expand(x.shape[0], -1, -1), x], dim=1)
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            x = self.norm(x) if i == len(self.blocks) - 1 else x
            if i in self.out_indices:
                maps.append(self.map_of(x[:, 1:] if is_seen else x, x[:, :1], size))
        return tuple(maps)

    def map_of(self, tokens: Tensor, class_token: Tensor, size: Sequence[int]) -> Tensor:
        if self.class_place == "joined":
            tokens = torch.cat([tokens, class_token.expand_as(tokens)], dim=2)
        return tokens.transpose(1, 2).unflatten(2, tuple(size)).contiguous()


def embedded(embed: nn.Conv2d, images: Tensor) -> Tensor:
    """The patches of images, which are padded to whole ones."""
    (height, width), (rows, columns) = images.shape[-2:], embed.stride
    return embed(F.pad(images, (0, -width % columns, 0, -height % rows)))


def resized_positions(positions: Tensor, side: int, size: Sequence[int], mode: str) -> Tensor:
    """1 C H W, from those of the class token and of the cells of a square, by rows."""
    grid = positions[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    return F.interpolate(grid, tuple(size), mode=mode, align_corners=False)


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
