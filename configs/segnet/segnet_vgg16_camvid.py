"""SegNet (https://arxiv.org/abs/1511.00561) with VGG-16 on CamVid.

    tools/train.py configs/segnet/segnet_vgg16_camvid.py  # 12 images per step, 80000 steps

Expected: 60.1 mIoU on the test split (the paper, 360x480, after 80 000 steps and more).
Classes are weighted by median frequency, with the authors' numbers. The paper's learning
rate is a fixed 0.1 on images at their own size.
"""

_base_ = ["../_base_/models/segnet.py", "../_base_/datasets/camvid.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="torchvision://vgg16_bn",
    decode_head=dict(
        loss=dict(class_weight=(0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614))
    ),
)
optimizer = dict(lr=0.01)
train = dict(max_steps=80000)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
