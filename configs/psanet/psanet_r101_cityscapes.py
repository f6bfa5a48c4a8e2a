"""PSANet (https://openaccess.thecvf.com/content_ECCV_2018/html/Hengshuang_Zhao_PSANet_Point-wise_Spatial_ECCV_2018_paper.html)
with ResNet-101 on Cityscapes.

    tools/train.py configs/psanet/psanet_r101_cityscapes.py  # 8 images per step, 80000 steps

Expected: 79.31 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
"""

_base_ = ["../_base_/models/psanet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet101c.gluon_in1k", backbone=dict(variant="101"))
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
