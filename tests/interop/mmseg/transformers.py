"""Models of mmsegmentation on transformers, as its configs describe them: see cases.py."""

from tests.interop.mmseg.resnets import fcn, head, model

EVERY = [0, 1, 2, 3]
SPP = {"pool_scales": (1, 2, 3, 6)}
SIZE = (45, 70)  # no multiples of a patch, nor of a window


def uper(widths, **more):
    return head("UPerHead", widths, 8, EVERY, **SPP, **more)


def swin(**more):
    return {
        "type": "SwinTransformer",
        "embed_dims": 8,
        "depths": [1, 2, 1, 2],
        "num_heads": [1, 2, 4, 8],
        "window_size": 7,
        "patch_norm": True,
        "use_abs_pos_embed": False,
        "drop_path_rate": 0.3,
        "norm_cfg": {"type": "LN", "requires_grad": True},
        **more,
    }


SWIN_WIDTHS = [8, 16, 32, 64]

MODELS = {
    "swin_uper": (model(swin(), uper(SWIN_WIDTHS), fcn(32, 8, 2)), SIZE),
    "swin_window12": (model(swin(window_size=12), fcn(64, 8, 3)), (97, 130)),
}
