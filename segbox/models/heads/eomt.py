"""EoMT: a plain vision transformer that segments (https://arxiv.org/abs/2503.19108)."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.errors import ConfigError
from segbox.models.layers.masks import Masks
from segbox.models.layers.tokens import Tokens
from segbox.registry import HEADS

from .mask_head import MaskHead

ACTS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "silu": nn.SiLU}
GOLDEN = 0.618034  # the multiples of it spread evenly over 0..1


@HEADS.register
class EoMTHead(MaskHead):
    """Queries that the last `num_blocks` blocks of the backbone process together with its patches.

    There is no decoder: a query's mask is its product with each patch, made finer. The backbone is a plain vision
    transformer of timm. In training, a query may look only at the patches of the mask that is predicted before the
    block, with a probability that the hook MaskAnnealing lowers to 0. Without the hook it is 0: nothing is masked.
    `act` is the paper's GELU; transformers has SiLU here where the backbone's MLPs have it.
    """

    reads_tokens = True

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        num_queries: Count = 100,
        num_blocks: Count = 3,
        act: Literal["gelu", "silu"] = "gelu",
    ) -> None:
        super().__init__()
        width, self.patch = in_channels[-1], in_strides[-1]
        doublings = max(1, self.patch.bit_length() - 3)  # to stride 4
        self.finer = 2**doublings
        self.num_blocks = num_blocks
        self.queries = nn.Parameter(torch.randn(num_queries, width))
        self.classify = nn.Linear(width, num_classes + 1)
        self.mask = nn.Sequential(
            nn.Linear(width, width), ACTS[act](), nn.Linear(width, width), ACTS[act](), nn.Linear(width, width)
        )
        self.upscale = nn.Sequential(*(Double(width, ACTS[act]()) for _ in range(doublings)))
        self.register_buffer("mask_probability", torch.zeros(num_blocks))  # of each block
        self.masked = (False,) * num_blocks  # the blocks whose probability is above 0: known without asking the device

    def set_mask_probability(self, values: Sequence[float]) -> None:
        """The probability of a mask, for each block that sees the queries."""
        self.mask_probability.copy_(torch.tensor(values))
        self.masked = tuple(value > 0 for value in values)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        if not self.mask_probability.is_meta:
            self.masked = tuple((self.mask_probability > 0).tolist())

    def forward(self, features: tuple[Tokens]) -> Masks:
        return self.predictions(features[0])[-1]

    def layers(self, features: tuple[Tokens]) -> list[Masks]:
        return self.predictions(features[0], of_all_blocks=True)

    def predictions(self, tokens: Tokens, of_all_blocks: bool = False) -> list[Masks]:
        """After the last block; and before those that see the queries, if that is needed or they are masked."""
        count = len(tokens.blocks)
        first = count - self.num_blocks
        if first < 0:
            raise ConfigError(f"model.decode_head.num_blocks: {self.num_blocks}, but the backbone has {count} blocks")
        tokens = tokens.after(0, first).with_queries(self.queries)
        found = []
        for i, is_masked in enumerate(self.masked):
            attention = None
            if of_all_blocks or is_masked:
                found.append(self.predict(tokens))
            if is_masked:
                attention = self.attention(found[-1].masks, tokens, self.mask_probability[i])
            tokens = tokens.after(first + i, first + i + 1, attention)
        return [self.cropped(masks, tokens.size) for masks in (*found, self.predict(tokens))]

    def predict(self, tokens: Tokens) -> Masks:
        queries, patches = tokens.normed(len(self.queries))
        masks = torch.einsum("bqc,bchw->bqhw", self.mask(queries), self.upscale(patches))
        return Masks(self.classify(queries), masks)

    def attention(self, masks: Tensor, tokens: Tokens, probability: Tensor) -> Tensor:
        """B 1 N N: which tokens a token may look at. All, but a masked query only at those patches of its mask."""
        patches = self.resize(masks, tokens.grid).flatten(2) > 0  # B Q hw
        patches = patches | (self.chances(masks) >= probability)[..., None]
        batch, count, _ = tokens.values.shape
        seen = patches.new_ones(batch, 1, count, count)
        seen[:, 0, : patches.shape[1], count - patches.shape[2] :] = patches
        return seen

    def chances(self, masks: Tensor) -> Tensor:
        """B Q, numbers from 0 to 1. In evaluation they are always the same, so that a score is no matter of chance."""
        if self.training:
            return torch.rand(masks.shape[:2], device=masks.device)
        return ((torch.arange(masks.shape[1], device=masks.device) + 0.5) * GOLDEN % 1).expand(masks.shape[:2])

    def cropped(self, prediction: Masks, size: tuple[int, int]) -> Masks:
        """Without what lies in the padding of the image, to whole pixels of the mask."""
        height, width = ((side * self.finer + self.patch - 1) // self.patch for side in size)
        return Masks(prediction.classes, prediction.masks[..., :height, :width])


class Double(nn.Module):
    """B C h w -> B C 2h 2w."""

    def __init__(self, width: int, act: nn.Module) -> None:
        super().__init__()
        self.act = act
        self.up = nn.ConvTranspose2d(width, width, 2, 2)
        self.mix = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(self.act(self.up(x)))
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)
