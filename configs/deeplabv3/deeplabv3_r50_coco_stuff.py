"""DeepLabV3 (https://arxiv.org/abs/1706.05587) with ResNet-50 on COCO-Stuff 164k.

    tools/train.py configs/deeplabv3/deeplabv3_r50_coco_stuff.py  # 16 images per step, 80000 steps

Expected: 39.38 mIoU (MMSegmentation's model zoo, 512x512, 80k steps, single scale).
"""

_base_ = ["../_base_/models/deeplabv3_mmseg.py", "../_base_/datasets/coco_stuff.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
