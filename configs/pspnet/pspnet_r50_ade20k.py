"""PSPNet (https://arxiv.org/abs/1612.01105) with ResNet-50 on ADE20K.

    tools/train.py configs/pspnet/pspnet_r50_ade20k.py  # 16 images per step, 120 epochs

Expected: 41.68 mIoU, 80.04 pixAcc (the paper, single scale).
The paper also rotates by up to 10 degrees and blurs.
"""

_base_ = ["../_base_/models/pspnet_r50.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (473, 473)

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
optimizer = dict(weight_decay=1e-4)
train = dict(max_epochs=120)
hooks = dict(evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
