"""CLIP's text encoder (https://arxiv.org/abs/2103.00020), for the names of classes.

It runs once, when a model is converted. `clip_words.tsv` has the tokens of the words that are in names of the classes
of segbox's data sets and in the templates: CLIP's whole vocabulary is not needed. It is written by
tests/interop/mmseg/make_clip_words.py.
"""

import re
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from segbox.errors import ConfigError

WORDS = Path(__file__).with_name("clip_words.tsv")
WORD = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")  # of ASCII, as CLIP divides it
FIRST, LAST = 49406, 49407  # tokens of the beginning and the end
EPS = 1e-5
TEMPLATES = (
    "a photo of a {}.",
    "This is a photo of a {}",
    "There is a {} in the scene",
    "There is the {} in the scene",
    "a photo of a {} in the scene",
    *(f"a photo of a {size} {{}}." for size in ("small", "medium", "large")),
    *(f"This is a photo of a {size} {{}}." for size in ("small", "medium", "large")),
    *(f"There is a {size} {{}} in the scene." for size in ("small", "medium", "large")),
)


def tokens_of(sentence: str) -> list[int]:
    """The tokens of a sentence, with those of its beginning and end."""
    found = []
    for word in WORD.findall(sentence.lower()):
        if word not in known_words():
            raise ConfigError(
                f"model.text_encoder: the tokens of {word!r} in {sentence!r} are not known: segbox has those of the"
                " names of its own data sets' classes"
            )
        found += known_words()[word]
    return [FIRST, *found, LAST]


@cache
def known_words() -> dict[str, list[int]]:
    lines = (line.split("\t") for line in WORDS.read_text(encoding="utf-8").splitlines())
    return {word: [int(token) for token in tokens.split()] for word, tokens in lines}


@torch.no_grad()
def class_embeddings(weights: dict[str, Tensor], sentences: Sequence[Sequence[list[int]]], heads: int) -> Tensor:
    """K+1 C, of unit length; the last one is that of the background. `sentences`: of each template, for each class."""
    found = [F.normalize(encode(weights, own, heads), dim=-1) for own in sentences]
    classes = F.normalize(torch.stack(found).mean(dim=0), dim=-1)
    return F.normalize(torch.cat([classes, weights["bg_embed"]]), dim=-1)


def encode(weights: dict[str, Tensor], sentences: Sequence[list[int]], heads: int) -> Tensor:
    """The embeddings of sentences, N C. Tokens see only those before them, so what follows the last one is nothing."""
    most = max(map(len, sentences))
    tokens = torch.tensor([own + [0] * (most - len(own)) for own in sentences])
    x = weights["token_embedding.weight"][tokens] + weights["positional_embedding"][:most]
    for i in count():
        if f"transformer.{i}.norms.0.weight" not in weights:
            break
        x = block(weights, f"transformer.{i}.", x, heads)
    x = norm(weights, "ln_final", x)
    ends = torch.tensor([len(own) - 1 for own in sentences])
    return x[torch.arange(len(x)), ends] @ weights["text_projection"]


def block(weights: dict[str, Tensor], prefix: str, x: Tensor, heads: int) -> Tensor:
    attention = f"{prefix}attentions.0.attn."
    y = norm(weights, f"{prefix}norms.0", x)
    parts = F.linear(y, weights[f"{attention}in_proj_weight"], weights[f"{attention}in_proj_bias"])
    parts = parts.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)  # each N heads T C/heads
    mixed = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).flatten(2)
    x = x + linear(weights, f"{attention}out_proj", mixed)
    y = linear(weights, f"{prefix}ffns.0.layers.0.0", norm(weights, f"{prefix}norms.1", x))
    return x + linear(weights, f"{prefix}ffns.0.layers.1", y * (1.702 * y).sigmoid())


def linear(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def norm(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], EPS)
