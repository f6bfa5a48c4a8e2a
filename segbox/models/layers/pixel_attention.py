"""Attention between the pixels of maps."""

import torch.nn.functional as F
from torch import Tensor


def pixel_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """softmax(scale * q·k) v for each pixel of `query` (B C H W), over the pixels of `key` and `value`.

    Fused kernels do not store the matrix of all pairs; on CPUs this needs keys with as many channels as values.
    Sums and the softmax are in float32 for all input types.
    """
    tokens = [x.flatten(2).mT[:, None].contiguous() for x in (query, key, value)]  # B 1 N C
    gathered = F.scaled_dot_product_attention(*tokens, scale=scale)
    return gathered[:, 0].mT.unflatten(2, query.shape[-2:])
