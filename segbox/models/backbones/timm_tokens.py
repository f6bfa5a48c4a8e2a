"""The embedding of timm's plain vision transformers: what its VisionTransformer and Eva do before their first block."""

from torch import Tensor, nn

from segbox.models.layers.tokens import Tokens


def require_plain(model: nn.Module, name: str) -> None:
    """Refuse a network whose blocks cannot run with other tokens in front."""
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer

    if not isinstance(model, VisionTransformer | Eva):
        raise ValueError(
            f"the head runs the last blocks of a plain vision transformer with its own queries, and timm's {name} is"
            " none; take one of timm's VisionTransformer or Eva, such as vit_base_patch16_dinov3"
        )
    if not isinstance(model.patch_drop, nn.Identity | None):
        raise ValueError("model_arguments: patch_drop_rate leaves patches out, and the head predicts masks of all")


def embed(model: nn.Module, images: Tensor, size: tuple[int, int]) -> Tokens:
    """The tokens of images of whole patches; `size` is theirs without the padding."""
    embedded = model._pos_embed(model.patch_embed(images))
    values, rope = embedded if isinstance(embedded, tuple) else (embedded, None)
    is_each = getattr(model, "rope_mixed", False)  # each block has its own rotation
    return Tokens(
        values=model.norm_pre(values),
        grid=model.patch_embed.dynamic_feat_size(images.shape[-2:]),
        size=size,
        blocks=model.blocks,
        norm=model.norm,
        ropes=rope if is_each else [rope] * len(model.blocks),
        heads=model.blocks[0].attn.num_heads,
    )
