"""K-Net (https://arxiv.org/abs/2106.14855) over an FCN head with ResNet-50 on ADE20K.

    tools/train.py configs/knet/knet_r50_ade20k.py  # 16 images per step, 80000 steps

Expected: 43.6 mIoU (MMSegmentation's model zoo, 512x512, 80k steps, single scale).
"""

_base_ = ["../_base_/models/knet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
optimizer = dict(lr=1e-4, weight_decay=5e-4, head_lr_mult=1.0, decay_norms=True, decay_biases=True)
train = dict(max_steps=80000, clip_grad=1.0)
hooks = dict(
    lr_schedule=dict(
        _delete_=True, type="StepLR", milestones=(0.747, 0.899), factor=0.1, warmup_steps=1000, warmup_ratio=0.001
    ),
    evaluate=dict(interval=8000),
    checkpoint=dict(interval=8000),
)
