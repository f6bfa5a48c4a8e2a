"""LinkNet (https://arxiv.org/abs/1707.03718) with ResNet-18 on CamVid.

    tools/train.py configs/linknet/linknet_r18_camvid.py  # 12 images per step, 400 epochs

Expected: 68.3 mIoU on the test split (the paper, at 576x768; not re-checked).
This copy of CamVid has 360x480; the schedule is ours.
"""

_base_ = ["../_base_/models/linknet.py", "../_base_/datasets/camvid.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet18")
train = dict(max_epochs=400)
hooks = dict(evaluate=dict(interval=1000), checkpoint=dict(interval=1000))
