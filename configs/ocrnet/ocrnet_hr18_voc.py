"""OCRNet (https://arxiv.org/abs/1909.11065) with HRNet-W18 on PASCAL VOC 2012.

    tools/train.py configs/ocrnet/ocrnet_hr18_voc.py  # 16 images per step, 40000 steps

Expected: 74.98 mIoU (MMSegmentation's model zoo, 512x512, 40k steps, single scale).
"""

_base_ = ["../_base_/models/ocrnet_hr18.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://hrnet_w18.ms_in1k")
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
