"""SAN: a side network that adapts a frozen CLIP to segmentation (https://arxiv.org/abs/2302.12242)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.errors import ConfigError
from segbox.models.layers import Resizing
from segbox.models.layers.grid_maxima import grid_maxima
from segbox.models.layers.masks import Masks
from segbox.models.layers.tokens import Tokens
from segbox.models.layers.vit_block import TransformerBlock, embedded, initialize_transformer, resized_positions
from segbox.registry import HEADS

from .mask_head import MaskHead

HEAD_CHANNELS = 64  # of each attention head of ViTs of the usual sizes
UNSEEN = -100.0  # added to the products of queries and keys; not -inf, as the paper's models were trained so


@HEADS.register
class SANHead(MaskHead):
    """A small transformer predicts masks from the image and from what a CLIP has seen, and the CLIP their classes.

    The backbone's tokens after each of `fused_blocks` are added to those of the side network, one before each of its
    blocks. The backbone's other blocks see a copy of the class token for each query: it looks at the patches as the
    side network says, which gives a number for each query, patch and head of the attention (`num_heads`, those of the
    backbone: without it, one for 64 of its channels). Its cosines with the embeddings of the classes, times 100, are
    the logits of classes.

    `channels`, `depth`, `side_heads` and `patch` are of the side network, whose positions are those of an image of
    `image_size`. The predictions after its blocks `supervised` are trained too. With `train_classes=False`, the
    embeddings of the classes and the projection to them, which are CLIP's then, are not trained; "no object" always is.
    """

    reads_tokens = True
    sees_images = True

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 240,
        depth: Count = 8,
        side_heads: Count = 6,
        patch: Count = 16,
        image_size: Count = 640,
        num_queries: Count = 100,
        num_heads: Count | None = None,
        fused_blocks: Sequence[int] = (0, 3, 6, 9),
        supervised: Sequence[int] = (7,),
        mask_channels: Count = 256,
        class_channels: Count = 512,
        train_classes: bool = True,
    ) -> None:
        super().__init__()
        width = in_channels[-1]
        self.fused_blocks = checked(fused_blocks, "fused_blocks", 0)
        self.supervised = (*checked(supervised, "supervised", 1, depth), depth)
        if len(self.fused_blocks) > depth:
            raise ValueError(f"fused_blocks={self.fused_blocks}: the side network has {depth} blocks for them")
        self.num_heads, self.train_classes = num_heads or max(1, width // HEAD_CHANNELS), train_classes
        grid = (in_channels[0], channels, patch, image_size // patch)
        self.side = SideNetwork(*grid, depth, side_heads, num_queries, width, len(self.fused_blocks))
        self.predict = MaskAndAttention(channels, mask_channels, self.num_heads)
        self.project = nn.Linear(width, class_channels, bias=False)
        self.classes = nn.Parameter(torch.randn(num_classes + 1, class_channels))  # the last one is "no object"
        self.register_buffer("scale", torch.tensor(100.0))
        self.project.requires_grad_(train_classes)

    def forward(self, features: tuple[Tensor, Tokens]) -> Masks:
        return self.predictions(features, self.supervised[-1:])[0]

    def layers(self, features: tuple[Tensor, Tokens]) -> list[Masks]:
        return self.predictions(features, self.supervised)

    def predictions(self, features: tuple[Tensor, Tokens], after: Sequence[int]) -> list[Masks]:
        """After these blocks of the side network."""
        images, tokens = features
        self.check(tokens)
        seen = [tokens.after(0, self.fused_blocks[0])]
        for first, last in pairwise(self.fused_blocks):
            seen.append(seen[-1].after(first, last))
        found = []
        for queries, cells, size in self.side(images, [one.patches() for one in seen], after):
            masks, looks = self.predict(queries, cells)
            masks, looks = masks.unflatten(-1, size), looks.unflatten(-1, size)
            found.append(Masks(self.classify(seen[-1], looks), masks))
        return found

    def check(self, tokens: Tokens) -> None:
        count = len(tokens.blocks)
        if self.fused_blocks[-1] >= count:
            raise ConfigError(
                f"model.decode_head.fused_blocks: {self.fused_blocks}, but the backbone has {count} blocks, and those"
                " after the last number classify the masks"
            )
        if self.num_heads != tokens.heads:
            raise ConfigError(f"model.decode_head.num_heads: {self.num_heads}, but the backbone has {tokens.heads}")
        if not tokens.prefix():
            raise ConfigError("model.decode_head: SANHead needs a class token, and the backbone has none")

    def classify(self, tokens: Tokens, looks: Tensor) -> Tensor:
        """B Q K+1, by the backbone's last blocks. `looks`: B heads Q h w, of the side network's cells."""
        count = looks.shape[2]
        mask = attention_mask(grid_maxima(looks, tokens.grid).flatten(3), tokens.prefix())
        copies = tokens.values[:, :1].expand(-1, count, -1)
        queries, _ = tokens.with_queries(copies).after(self.fused_blocks[-1], len(tokens.blocks), mask).normed(count)
        return self.scale * F.normalize(self.project(queries), dim=-1) @ self.embeddings().mT

    def embeddings(self) -> Tensor:
        classes = self.classes
        if not self.train_classes:
            classes = torch.cat([classes[:-1].detach(), classes[-1:]])
        return F.normalize(classes, dim=-1)


def attention_mask(looks: Tensor, prefix: int) -> Tensor:
    """B heads N N, of queries, `prefix` other tokens and patches. `looks` is what is added for queries at patches: B
    heads Q P. A query sees itself beside them; nobody else sees the queries."""
    batch, heads, queries, patches = looks.shape
    own = UNSEEN * (1 - torch.eye(queries).to(looks))  # ONNX has no fill_diagonal_
    above = torch.cat([own, looks.new_full((queries, prefix), UNSEEN)], dim=1).expand(batch, heads, -1, -1)
    others = prefix + patches
    below = torch.cat([looks.new_full((others, queries), UNSEEN), looks.new_zeros(others, others)], dim=1)
    return torch.cat([torch.cat([above, looks], dim=3), below.expand(batch, heads, -1, -1)], dim=2)


class SideNetwork(Resizing):
    """A vision transformer of its own patches and queries, to whose patches those of another network are added."""

    def __init__(
        self,
        colours: int,
        channels: int,
        patch: int,
        side: int,
        depth: int,
        heads: int,
        num_queries: int,
        width: int,
        num_fused: int,
    ) -> None:
        super().__init__()
        self.grid = side
        self.embed = nn.Conv2d(colours, channels, patch, patch)
        self.positions = nn.Parameter(torch.empty(1, side**2, channels))
        self.queries = nn.Parameter(torch.empty(1, num_queries, channels))
        self.query_positions = nn.Parameter(torch.empty(1, num_queries, channels))
        self.blocks = nn.ModuleList(TransformerBlock(channels, heads) for _ in range(depth))
        self.fuse = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width, 1e-6), nn.Linear(width, channels)) for _ in range(num_fused)
        )
        initialize_transformer(self)
        for parameter in (self.positions, self.queries, self.query_positions):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(
        self, images: Tensor, seen: Sequence[Tensor], after: Sequence[int]
    ) -> list[tuple[Tensor, Tensor, tuple[int, int]]]:
        """Queries B Q C, cells B N C and their rows and columns, after these blocks. `seen`: B C h w each."""
        x = embedded(self.embed, images)
        size = tuple(x.shape[-2:])
        cells = resized_positions(self.positions, self.grid, size, "bicubic").flatten(2).mT
        positions = torch.cat([self.query_positions, cells], dim=1)
        count = self.queries.shape[1]
        x = torch.cat([self.queries.expand(x.shape[0], -1, -1), x.flatten(2).mT], dim=1)
        found = []
        for i, block in enumerate(self.blocks):
            x = x + positions
            if i < len(seen):
                x = torch.cat([x[:, :count], x[:, count:] + self.fused(i, seen[i], size)], dim=1)
            x = block(x)
            if i + 1 in after:
                found.append((x[:, :count], x[:, count:], size))
        return found

    def fused(self, i: int, seen: Tensor, size: tuple[int, int]) -> Tensor:
        projected = self.fuse[i](seen.movedim(1, -1)).movedim(-1, 1)
        return self.resize(projected, size).flatten(2).mT


class MaskAndAttention(nn.Module):
    """The mask of each query, and where a copy of the class token looks for it."""

    def __init__(self, channels: int, mask_channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = mlp(channels, mask_channels, mask_channels)
        self.cell = mlp(channels, mask_channels, mask_channels)
        self.look = mlp(channels, mask_channels, mask_channels * heads)
        self.scale = nn.Linear(1, 1)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.scale.bias)

    def forward(self, queries: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Queries B Q C and cells B N C to logits B Q N, and to what is added to the attention, B heads Q N."""
        queries = self.query(queries)
        looks = self.look(cells).unflatten(-1, (self.heads, -1))
        looks = torch.einsum("bqc,bnhc->bhqn", queries, looks)
        return queries @ self.cell(cells).mT, self.scale(looks[..., None])[..., 0]


def mlp(in_channels: int, hidden: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Linear(in_channels, hidden), nn.ReLU()),
        *(nn.Linear(hidden, hidden), nn.ReLU()),
        nn.Linear(hidden, out_channels),
    )


def checked(blocks: Sequence[int], name: str, least: int, end: float = float("inf")) -> tuple[int, ...]:
    """Numbers of blocks, in order, each once."""
    found = tuple(blocks)
    if any(a >= b for a, b in pairwise((least - 1, *found, end))) or not (found or least):
        raise ValueError(f"{name}={found}: expected growing numbers of blocks, from {least} on and below {end}")
    return found
