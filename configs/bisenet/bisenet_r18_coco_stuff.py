"""BiSeNet (https://arxiv.org/abs/1808.00897) with ResNet-18 on COCO-Stuff 164k.

    tools/train.py configs/bisenet/bisenet_r18_coco_stuff.py  # 16 images per step, 160000 steps

Expected: 28.55 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
The network is MMSegmentation's.
"""

_base_ = ["../_base_/models/bisenet_mmseg.py", "../_base_/datasets/coco_stuff.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet18")
optimizer = dict(lr=0.005)
train = dict(max_steps=160000)
hooks = dict(
    lr_schedule=dict(min_lr=1e-4, warmup_steps=1000, warmup_ratio=0.1),
    evaluate=dict(interval=16000),
    checkpoint=dict(interval=16000),
)
