"""Attention between the positions of maps."""

import torch.nn.functional as F
from torch import Tensor


def pixel_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Each position of `query` (B C H W) gathers `value` by softmax(scale * q·k) over the positions of `key`.

    Fused kernels never hold the table of all pairs; the CPU's asks for keys as wide as values, and holds it otherwise.
    Sums and the softmax are in float32 whatever the inputs are.
    """
    tokens = [x.flatten(2).mT[:, None].contiguous() for x in (query, key, value)]  # B 1 N C
    gathered = F.scaled_dot_product_attention(*tokens, scale=scale)
    return gathered[:, 0].mT.unflatten(2, query.shape[-2:])
