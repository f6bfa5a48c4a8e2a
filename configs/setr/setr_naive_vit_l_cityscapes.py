"""SETR-Naive (https://arxiv.org/abs/2012.15840) with ViT-L on Cityscapes.

    tools/train.py configs/setr/setr_naive_vit_l_cityscapes.py  # 8 images per step, 80000 steps

Expected: 78.1 mIoU (MMSegmentation's model zoo, 768x768, 80k steps, single scale).
"""

_base_ = ["../_base_/models/setr_naive.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (768, 768)
model = dict(
    backbone=dict(image_size=768),
    auxiliary_head=[
        dict(type="SETRUPHead", level=-4, channels=256, kernel=1, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
        dict(type="SETRUPHead", level=-3, channels=256, kernel=1, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
        dict(type="SETRUPHead", level=-2, channels=256, kernel=1, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
    ],
)
optimizer = dict(lr=0.01, weight_decay=0.0, head_lr_mult=10.0)
train = dict(max_steps=80000)
data = dict(batch_size=8)
test = dict(mode="slide", window=(768, 768), stride=(512, 512))
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
