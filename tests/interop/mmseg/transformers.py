"""Models of mmsegmentation on transformers, as its configs describe them: see cases.py."""

from tests.interop.mmseg.resnets import CLASSES, NORM, fcn, head, model

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


def vit(**more):
    form = {"embed_dims": 8, "num_layers": 4, "num_heads": 2, "img_size": (64, 64), "out_indices": (0, 1, 2, 3)}
    return {"type": "VisionTransformer", **form, "norm_cfg": {"type": "LN", "eps": 1e-6}, **more}


def setr(num_convs, up_scale, kernel_size, level=3):
    form = {"num_convs": num_convs, "up_scale": up_scale, "kernel_size": kernel_size, "dropout_ratio": 0}
    return {**head("SETRUPHead", 8, 12, level), **form}


def linear(in_channels, level):
    """Without a norm, as the auxiliary heads of SETR-MLA."""
    return {
        "type": "FCNHead",
        "in_channels": in_channels,
        "channels": in_channels,
        "in_index": level,
        "num_convs": 0,
        "kernel_size": 1,
        "concat_input": False,
        "dropout_ratio": 0,
        "num_classes": CLASSES,
        "align_corners": False,
    }


def twins(kind, depths, mlp_ratios, **more):
    form = {"embed_dims": TWINS_WIDTHS, "num_heads": [1, 2, 3, 4], "depths": depths, "mlp_ratios": mlp_ratios}
    form |= {"patch_sizes": [4, 2, 2, 2], "strides": [4, 2, 2, 2], "sr_ratios": [8, 4, 2, 1], "qkv_bias": True}
    return {"type": kind, **form, "norm_cfg": {"type": "LN"}, "drop_path_rate": 0.2, **more}


def svt():
    return twins("SVT", [2, 1, 2, 1], [4] * 4, windiow_sizes=[7] * 4, norm_after_stage=True)


def beit(kind, **more):
    """Both take images of their own size alone in mmsegmentation."""
    form = {"embed_dims": 8, "num_layers": 4, "num_heads": 2, "img_size": (64, 64), "out_indices": (0, 1, 2, 3)}
    return {"type": kind, **form, "norm_cfg": {"type": "LN", "eps": 1e-6}, "init_values": 0.1, **more}


def convnext():
    form = {"arch": {"depths": [1, 1, 2, 1], "channels": TWINS_WIDTHS}, "out_indices": EVERY, "drop_path_rate": 0.4}
    return {
        "type": "mmpretrain.ConvNeXt",
        **form,
        "layer_scale_init_value": 1.0,
        "gap_before_final_norm": False,
        "init_cfg": None,
    }


def poolformer():
    form = {"arch": {"layers": [1, 1, 2, 1], "embed_dims": TWINS_WIDTHS}, "out_indices": (0, 2, 4, 6)}
    return {"type": "mmpretrain.PoolFormer", **form, "in_patch_size": 7, "in_stride": 4, "in_pad": 2}


TWINS_WIDTHS = [8, 16, 24, 32]
SWIN_WIDTHS = [8, 16, 32, 64]
PYRAMID = {"type": "Feature2Pyramid", "embed_dim": 8, "rescales": [4, 2, 1, 0.5], "norm_cfg": NORM}
FPN = {"type": "FPN", "in_channels": TWINS_WIDTHS, "out_channels": 8, "num_outs": 4}
BILINEAR = {"interpolate_mode": "bilinear"}
MLN = {"type": "MultiLevelNeck", "in_channels": [8] * 4, "out_channels": 8, "scales": [4, 2, 1, 0.5]}
MLA = {"type": "MLANeck", "in_channels": [8] * 4, "out_channels": 6, "norm_cfg": NORM, "act_cfg": {"type": "ReLU"}}
MLA_HEAD = {**head("SETRMLAHead", (6,) * 4, 20, (0, 1, 2, 3)), "mla_channels": 5, "dropout_ratio": 0}
SEGMENTER = {
    "type": "SegmenterMaskTransformerHead",
    "in_channels": 8,
    "channels": 8,
    "num_classes": CLASSES,
    "num_layers": 2,
    "num_heads": 2,
    "embed_dims": 8,
    "dropout_ratio": 0.0,
}
DPT = head(
    *("DPTHead", (8,) * 4, 12, (0, 1, 2, 3)),
    embed_dims=8,
    post_process_channels=[4, 6, 8, 10],
    readout_type="project",
    input_transform="multiple_select",
)

MODELS = {
    "vit_mln_uper": (model(vit(final_norm=True), uper([8] * 4), fcn(8, 8, 3), neck=MLN), SIZE),
    "vit_uper": (model(vit(), uper([8] * 4), fcn(8, 8, 3)), SIZE),
    "setr_naive": (model(vit(**BILINEAR), setr(1, 4, 1), [setr(2, 4, 1, level) for level in (0, 2)]), SIZE),
    "setr_pup": (model(vit(**BILINEAR), setr(4, 2, 3)), SIZE),
    "setr_mla": (
        model(vit(**BILINEAR, with_cls_token=False), MLA_HEAD, [linear(6, level) for level in (0, 3)], neck=MLA), SIZE,
    ),
    "segmenter": (model(vit(final_norm=True, out_indices=-1), SEGMENTER), SIZE),
    "segmenter_fcn": (model(vit(final_norm=True, out_indices=-1), linear(8, -1)), SIZE),
    "dpt": (model(vit(output_cls_token=True), DPT), SIZE),
    "beit": (model(beit("BEiT", qv_bias=True), uper([8] * 4), fcn(8, 8, 2), neck=PYRAMID), (64, 64)),
    "mae": (model(beit("MAE"), uper([8] * 4), fcn(8, 8, 2), neck=PYRAMID), (64, 64)),
    "convnext": (model(convnext(), uper(TWINS_WIDTHS), fcn(24, 8, 2)), (64, 96)),
    "poolformer": (
        model(poolformer(), head("FPNHead", [8] * 4, 8, EVERY, feature_strides=[4, 8, 16, 32]), neck=FPN), (63, 92),
    ),
    "twins_pcpvt": (model(twins("PCPVT", [1, 1, 2, 1], [8, 8, 4, 4]), uper(TWINS_WIDTHS), fcn(24, 8, 2)), (61, 100)),
    "twins_svt": (model(svt(), uper(TWINS_WIDTHS)), (61, 100)),
    "twins_svt_half_padded": (model(svt(), fcn(24, 8, 2)), (112, 100)),
    "swin_uper": (model(swin(), uper(SWIN_WIDTHS), fcn(32, 8, 2)), SIZE),
    "swin_window12": (model(swin(window_size=12), fcn(64, 8, 3)), (97, 130)),
}  # fmt: skip
