"""FCN-32s (https://arxiv.org/abs/1411.4038) with VGG-16 on PASCAL VOC 2012.

    tools/train.py configs/fcn/fcn32s_vgg16_voc.py  # 16 images per step, 40000 steps

Expected: 59.4 mIoU (the paper, on a part of VOC 2011's validation images; not re-checked).
The schedule is ours: the paper trains whole images at a fixed rate, each net from the next coarser one.
"""

_base_ = ["../_base_/models/fcn32s.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://vgg16")
optimizer = dict(lr=0.001)
train = dict(max_steps=40000)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
