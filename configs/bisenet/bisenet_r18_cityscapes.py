"""BiSeNet (https://arxiv.org/abs/1808.00897) with ResNet-18 on Cityscapes.

    tools/train.py configs/bisenet/bisenet_r18_cityscapes.py  # 16 images per step, 160000 steps

Expected: 74.37 mIoU (MMSegmentation's model zoo, 1024x1024, 160k steps, single scale).
The network is MMSegmentation's; from scratch it reached 74.44. TorchSeg reports 76.28 with hard pixel mining.
"""

_base_ = ["../_base_/models/bisenet_mmseg.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (1024, 1024)

model = dict(backbone_weights="torchvision://resnet18")
data = dict(batch_size=16)
optimizer = dict(lr=0.025)
train = dict(max_steps=160000)
hooks = dict(
    lr_schedule=dict(min_lr=1e-4, warmup_steps=1000, warmup_ratio=0.1),
    evaluate=dict(interval=16000),
    checkpoint=dict(interval=16000),
)
