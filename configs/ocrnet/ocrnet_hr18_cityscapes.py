"""OCRNet (https://arxiv.org/abs/1909.11065) with HRNet-W18 on Cityscapes.

    tools/train.py configs/ocrnet/ocrnet_hr18_cityscapes.py  # 8 images per step, 160000 steps

Expected: 79.47 mIoU (MMSegmentation's model zoo, 512x1024, 160k steps, single scale).
"""

_base_ = ["../_base_/models/ocrnet_hr18.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://hrnet_w18.ms_in1k")
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
