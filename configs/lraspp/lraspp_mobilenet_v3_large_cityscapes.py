"""LR-ASPP (https://arxiv.org/abs/1905.02244) with MobileNetV3-Large on Cityscapes.

    tools/train.py configs/lraspp/lraspp_mobilenet_v3_large_cityscapes.py  # 16 images per step, 320000 steps

Expected: 69.54 mIoU (MMSegmentation's model zoo, 512x1024, 320k steps, single scale).
The network is MMSegmentation's: a decoder, and stride 8 where the paper has 16.
"""

_base_ = ["../_base_/models/lraspp_decoder.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://mobilenet_v3_large")
data = dict(batch_size=16)
train = dict(max_steps=320000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=32000), checkpoint=dict(interval=32000))
