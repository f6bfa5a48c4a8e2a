"""DMNet (https://openaccess.thecvf.com/content_ICCV_2019/html/He_Dynamic_Multi-Scale_Filters_for_Semantic_Segmentation_ICCV_2019_paper.html)
with ResNet-50 on Cityscapes.

    tools/train.py configs/dmnet/dmnet_r50_cityscapes.py  # 8 images per step, 80000 steps

Expected: 79.07 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
"""

_base_ = ["../_base_/models/dmnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
