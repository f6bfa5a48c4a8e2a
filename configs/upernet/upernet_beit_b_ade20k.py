"""UPerNet (https://arxiv.org/abs/1807.10221) with BEiT-B on ADE20K.

    tools/train.py configs/upernet/upernet_beit_b_ade20k.py  # 16 images per step, 160000 steps

Expected: 53.08 mIoU (MMSegmentation's model zoo, 640x640, 160k steps, single scale).
That recipe reads the blocks 4, 6, 8 and 12, this one 3, 6, 9 and 12. The rates of all blocks are those of that recipe.
"""

_base_ = ["../_base_/models/upernet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

crop_size = (640, 640)
short_side = 640
long_side = 2560
model = dict(
    backbone=dict(type="BEiT", variant="base", in_channels=3, image_size=640, scale=0.1, drop_path=0.1),
    backbone_weights="timm://beit_base_patch16_224.in22k_ft_in22k",
    neck=dict(type="ViTPyramid", strides=(4, 8, 16, 32)),
    decode_head=dict(channels=768),
)
optimizer = dict(lr=2.7e-5, weight_decay=0.05, head_lr_mult=1.1111, layer_decay=0.9, decay_embeddings=False)
train = dict(max_steps=160000)
test = dict(mode="slide", window=(640, 640), stride=(426, 426))
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
