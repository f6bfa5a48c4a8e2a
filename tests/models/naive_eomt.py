"""EoMT a second time: one image, one block and one query after the other, from the text of the paper."""

import torch
import torch.nn.functional as F


def masks_and_classes(model, image, num_blocks, queries_open):
    """The predictions before each of the last blocks and after them, for one image of whole patches, C H W, of a model
    on timm's test_vit.

    `queries_open[i][q]` is True where query q of block i has lost its mask.
    """
    vit, head = model.backbone.network.model, model.decode_head
    tokens = vit._pos_embed(vit.patch_embed(image[None]))[0]
    rows, columns = image.shape[1] // head.patch, image.shape[2] // head.patch
    count, patches = len(head.queries), rows * columns
    first = len(vit.blocks) - num_blocks
    found = []
    for i, block in enumerate(vit.blocks):
        seen = None
        if i == first:
            tokens = torch.cat([head.queries, tokens])
        if i >= first:
            found.append(predicted(vit, head, tokens, (rows, columns)))
            logits = F.interpolate(found[-1][1][None], (rows, columns), mode="bilinear")[0]
            seen = torch.ones(len(tokens), len(tokens), dtype=torch.bool)
            for q in range(count):
                if not queries_open[i - first][q]:
                    seen[q, len(tokens) - patches :] = logits[q].flatten() > 0
        tokens = block_by_hand(block, tokens, seen)
    return [*found, predicted(vit, head, tokens, (rows, columns))]


def predicted(vit, head, tokens, grid):
    tokens = vit.norm(tokens)
    count = len(head.queries)
    fine = tokens[len(tokens) - grid[0] * grid[1] :].T.unflatten(1, grid)
    for layer in head.upscale:
        fine = F.gelu(F.conv_transpose2d(fine[None], layer.up.weight, layer.up.bias, stride=2))
        fine = F.conv2d(fine, layer.mix.weight, padding=1, groups=fine.shape[1])[0]
        centred = fine - fine.mean(0)
        scaled = centred / (centred.square().mean(0) + 1e-6).sqrt()
        fine = layer.norm.weight[:, None, None] * scaled + layer.norm.bias[:, None, None]
    masks = torch.stack([(head.mask(token)[:, None, None] * fine).sum(0) for token in tokens[:count]])
    return torch.stack([head.classify(token) for token in tokens[:count]]), masks


def block_by_hand(block, tokens, seen):
    """Attention of all tokens to those that they may see, then the MLP, each added to what came in."""
    attn, width = block.attn, tokens.shape[1]
    heads = attn.num_heads
    q, k, v = attn.qkv(block.norm1(tokens)).view(len(tokens), 3, heads, width // heads).permute(1, 2, 0, 3)
    scores = q @ k.transpose(1, 2) * (width // heads) ** -0.5
    if seen is not None:
        scores = scores.masked_fill(~seen, -torch.inf)
    mixed = (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)
    tokens = tokens + block.ls1(attn.proj(mixed))
    return tokens + block.ls2(block.mlp(block.norm2(tokens)))
