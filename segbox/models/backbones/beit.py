"""BEiT (https://arxiv.org/abs/2106.08254), and MAE's ViT as it is fine-tuned with BEiT's biases."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.drop_path import drop_rates
from segbox.models.layers.vit_block import TransformerBlock, embedded, initialize_transformer, resized_positions
from segbox.registry import BACKBONES

from .vit import VARIANTS, checked

CLASS_ROWS = 3  # of a table, at its end: class token to others, others to it, it to itself


@BACKBONES.register
class BEiT(nn.Module):
    """Maps of stride 16, the outputs of the blocks `out_indices`: by default of four blocks at equal distances.

    Each block has a learned bias of the attention for each offset of two tokens in an image of `image_size`. Images of
    any size are accepted: larger offsets get the bias of the largest one. `scale` is where the factors of the residual
    branches begin. `positions` adds learned positions to the tokens, and `key_bias` a bias to the keys, as MAE has.
    `depth` is another number of blocks than the variant's.
    """

    layer_pattern = r"(?:blocks|tables)\.(\d+)\b"

    def __init__(
        self,
        variant: str = "base",
        in_channels: Count = 3,
        image_size: Count = 224,
        patch: Count = 16,
        out_indices: Sequence[int] | None = None,
        positions: bool = False,
        key_bias: bool = False,
        scale: float = 0.1,
        eps: float = 1e-6,
        drop_path: Fraction = 0.1,
        depth: Count | None = None,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no BEiT {variant!r}; variants: {', '.join(VARIANTS)}")
        width, blocks, heads = VARIANTS[variant]
        depth = depth or blocks
        self.out_indices = checked(out_indices, depth)
        self.side = image_size // patch
        self.embed = nn.Conv2d(in_channels, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        count = 1 + self.side**2
        self.positions = nn.Parameter(torch.zeros(1, count, width)) if positions else None
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads, rate, eps, scale, key_bias) for rate in drop_rates(drop_path, depth)
        )
        rows = (2 * self.side - 1) ** 2 + CLASS_ROWS
        self.tables = nn.ParameterList(torch.zeros(rows, heads) for _ in range(depth))
        self.channels = (width,) * len(self.out_indices)
        self.strides = (patch,) * len(self.out_indices)
        initialize_transformer(self)
        for value in (self.class_token, *self.tables, *([self.positions] if positions else [])):
            nn.init.trunc_normal_(value, std=0.02)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = embedded(self.embed, images)
        size = x.shape[-2:]
        tokens = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x.flatten(2).transpose(1, 2)], dim=1)  # B N C
        if self.positions is not None:
            grid = resized_positions(self.positions[:, 1:], self.side, size, "bicubic").flatten(2).transpose(1, 2)
            tokens = tokens + torch.cat([self.positions[:, :1], grid], dim=1)
        places = offsets(*size, self.side, x.device)
        maps = []
        for i, (block, table) in enumerate(zip(self.blocks, self.tables)):
            tokens = block(tokens, bias_of(table, places))
            if i in self.out_indices:
                maps.append(tokens[:, 1:].transpose(1, 2).unflatten(2, tuple(size)).contiguous())
        return tuple(maps)


def offsets(height: int, width: int, side: int, device: torch.device) -> Tensor:
    """For each pair of cells, the row of a table: N N."""
    rows, columns = (torch.arange(n, device=device) for n in (height, width))
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).flatten(1)  # 2 N
    apart = (places[:, :, None] - places[:, None]).clamp(1 - side, side - 1) + side - 1
    return apart[0] * (2 * side - 1) + apart[1]


def bias_of(table: Tensor, places: Tensor) -> Tensor:
    """The biases of all pairs of tokens, the class token first: heads 1+N 1+N."""
    to_others, to_class, to_itself = table[-CLASS_ROWS:, None, None]  # each 1 1 heads
    count = places.shape[0]
    above = torch.cat([to_itself, to_others.expand(-1, count, -1)], dim=1)
    below = torch.cat([to_class.expand(count, -1, -1), table[places]], dim=1)
    return torch.cat([above, below]).permute(2, 0, 1)
