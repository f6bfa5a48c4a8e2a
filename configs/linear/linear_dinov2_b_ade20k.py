"""Linear head (https://arxiv.org/abs/2304.07193) with DINOv2's ViT-B, trained end to end, on ADE20K.

    tools/train.py configs/linear/linear_dinov2_b_ade20k.py  # 16 images per step, 40000 steps

Expected: 53.4 mIoU (tue-mps/benchmark-vfm-ss, issue 1, 512x512, https://arxiv.org/abs/2404.12172).
Needs timm. The weights are for patches of 14 pixels; patches and positions are resampled for 16. The backbone has a
tenth of the head's rate. The authors' colour changes differ a little from ours.
"""

_base_ = ["../_base_/models/linear.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(
        name="vit_base_patch14_dinov2.lvd142m",
        pretrained=True,
        model_arguments=dict(patch_size=16, img_size=512),
    ),
    decode_head=dict(norm=False),
)
optimizer = dict(lr=1e-5, head_lr_mult=10.0, weight_decay=0.05, decay_norms=True, decay_biases=True)
train = dict(max_steps=40000)
test = dict(mode="slide", window=(512, 512), stride=(512, 512))
hooks = dict(lr_schedule=dict(power=0.9, warmup_steps=0))
