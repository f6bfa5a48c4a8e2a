"""DPT (https://arxiv.org/abs/2103.13413) with DINOv2's ViT-B on ADE20K.

    tools/train.py configs/dpt/dpt_dinov2_b_ade20k.py  # 16 images per step, 40000 steps

Expected: no published number was found for this setting.
Needs timm. Maps of four blocks, without the class token. Block k of the 12 learns with the rate 1e-4 * 0.8^(11 - k).
"""

_base_ = ["../_base_/models/dpt.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(
        _delete_=True,
        type="Timm",
        name="vit_base_patch14_dinov2.lvd142m",
        pretrained=True,
        in_channels=3,
        out_indices=(2, 5, 8, 11),
        model_arguments=dict(patch_size=16, img_size=512, drop_path_rate=0.1),
    ),
    backbone_weights=None,
    decode_head=dict(readout=False),
)
optimizer = dict(lr=1e-4, weight_decay=0.05, head_lr_mult=1.0, layer_decay=0.8, decay_embeddings=False)
train = dict(max_steps=40000)
test = dict(mode="slide", window=(512, 512), stride=(341, 341))
