"""SAN of mmsegmentation, as its configs describe it: see cases.py."""

from tests.interop.mmseg.resnets import CLASSES, PREPROCESSING

QUICK_GELU = {"type": "QuickGELU"}
NORM = {"type": "LN", "eps": 1e-5}
WORDS, HEADS, CHANNELS, QUERIES = 6, 2, 8, 5


def image_encoder(layers, patch_size, side):
    return {
        "type": "VisionTransformer",
        "img_size": (side, side),
        "patch_size": patch_size,
        "patch_pad": 0,
        "in_channels": 3,
        "embed_dims": CHANNELS,
        "num_layers": layers,
        "num_heads": HEADS,
        "mlp_ratio": 4,
        "out_origin": True,
        "out_indices": tuple(range(layers)),
        "qkv_bias": True,
        "drop_rate": 0.0,
        "attn_drop_rate": 0.0,
        "drop_path_rate": 0.0,
        "with_cls_token": True,
        "output_cls_token": True,
        "patch_bias": False,
        "pre_norm": True,
        "norm_cfg": NORM,
        "act_cfg": QUICK_GELU,
        "norm_eval": False,
        "interpolate_mode": "bicubic",
        "frozen_exclude": ["pos_embed"],
    }


def text_encoder(**more):
    return {
        "type": "CLIPTextEncoder",
        "dataset_name": None,
        "vocabulary": ["cat", "traffic light", "wall-other"],
        "templates": "vild",
        "embed_dims": 4,
        "num_layers": 2,
        "num_heads": 2,
        "mlp_ratio": 4,
        "output_dims": WORDS,
        "cache_feature": True,
        "cat_bg": True,
        "norm_cfg": NORM,
        **more,
    }


def side_network(fused):
    return {
        "in_channels": 3,
        "clip_channels": CHANNELS,
        "embed_dims": 12,
        "patch_size": 16,
        "patch_bias": True,
        "num_queries": QUERIES,
        "cfg_encoder": {"num_encode_layer": 5, "num_heads": 3, "mlp_ratio": 4},
        "fusion_index": list(range(fused)),
        "cfg_decoder": {
            "num_heads": HEADS,
            "num_layers": 1,
            "embed_channels": 10,
            "mlp_channels": 10,
            "num_mlp": 3,
            "rescale": True,
        },
        "norm_cfg": {"type": "LN", "eps": 1e-6},
    }


def last_layers(layers):
    return {
        "sos_token_format": "cls_token",
        "sos_token_num": QUERIES,
        "cross_attn": False,
        "num_layers": layers,
        "embed_dims": CHANNELS,
        "num_heads": HEADS,
        "mlp_ratio": 4,
        "qkv_bias": True,
        "out_dims": WORDS,
        "final_norm": True,
        "act_cfg": QUICK_GELU,
        "norm_cfg": NORM,
        "frozen_exclude": [],
    }


def san(layers, patch_size, side, scale, text):
    head = {
        "type": "SideAdapterCLIPHead",
        "num_classes": CLASSES,
        "deep_supervision_idxs": [4],
        "san_cfg": side_network(layers + 1),
        "maskgen_cfg": last_layers(4 - layers),
        "align_corners": False,
        "train_cfg": {},
        "loss_decode": [{"type": "CrossEntropyLoss", "loss_name": "loss_cls_ce", "loss_weight": 2.0}],
    }
    return {
        "type": "MultimodalEncoderDecoder",
        "data_preprocessor": PREPROCESSING,
        "asymetric_input": True,
        "encoder_resolution": scale,
        "image_encoder": image_encoder(layers, patch_size, side),
        "text_encoder": text,
        "decode_head": head,
        "test_cfg": {"mode": "whole"},
    }


# The image of the second is not a multiple of the scaled patches, whose rest is cut off.
MODELS = {
    "san_patch16": (san(3, 16, 32, 0.5, text_encoder()), (64, 96)),
    "san_patch14": (san(2, 14, 42, 0.7, text_encoder(templates=["a photo of a {}."])), (48, 96)),
}
