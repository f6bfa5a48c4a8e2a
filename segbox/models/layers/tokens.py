"""The tokens of a plain vision transformer, between its blocks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Tokens:
    """Tokens of images, and the blocks that are to see them.

    A backbone makes them from its embedding; a head runs the blocks. The blocks and the norm stay the backbone's.
    """

    values: Tensor  # B N C: queries that a head has added, then the class token and registers, then the patches
    grid: tuple[int, int]  # rows and columns of the patches
    size: tuple[int, int]  # height and width of the images, without padding
    blocks: nn.ModuleList
    norm: nn.Module  # after the last block
    ropes: Sequence[Tensor | None]  # of each block: sine and cosine of the rotation of each patch
    heads: int  # of the blocks' attention

    def with_queries(self, queries: Tensor) -> "Tokens":
        """The same with queries, Q C or B Q C, in front, which are not rotated."""
        values = torch.cat([queries.expand(self.values.shape[0], -1, -1), self.values], 1)
        ropes = [None if rope is None else with_identity(rope, queries.shape[-2]) for rope in self.ropes]
        return replace(self, values=values, ropes=ropes)

    def after(self, first: int, last: int, mask: Tensor | None = None) -> "Tokens":
        """What blocks first ... last - 1 make of them. A `mask` says which tokens a token sees (bool, B 1 N N), or is
        added to the products of queries and keys (B heads N N)."""
        values = self.values
        for block, rope in zip(self.blocks[first:last], self.ropes[first:last]):
            values = block(values, attn_mask=mask, **({} if rope is None else {"rope": rope}))
        return replace(self, values=values)

    def normed(self, num_queries: int) -> tuple[Tensor, Tensor]:
        """The queries, B Q C, and the patches as a map, B C h w, after the final norm."""
        values = self.norm(self.values)
        return values[:, :num_queries], replace(self, values=values).patches()

    def patches(self) -> Tensor:
        """B C h w."""
        rows, columns = self.grid
        return self.values[:, -rows * columns :].transpose(1, 2).unflatten(2, (rows, columns))

    def prefix(self) -> int:
        """The number of tokens before the patches."""
        rows, columns = self.grid
        return self.values.shape[1] - rows * columns


def with_identity(rope: Tensor, count: int) -> Tensor:
    """A rotation of patches, ... N 2D, with `count` rows in front that rotate by nothing.

    timm's attention leaves the first tokens, as many as there are class token and registers, without a rotation. These
    are queries now, and the rotation of the others begins `count` rows earlier.
    """
    sine, cosine = rope[..., :1, :].chunk(2, dim=-1)
    nothing = torch.cat([torch.zeros_like(sine), torch.ones_like(cosine)], -1)
    return torch.cat([nothing.expand(*rope.shape[:-2], count, -1), rope], -2)
