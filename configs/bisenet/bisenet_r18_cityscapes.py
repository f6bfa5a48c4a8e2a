"""BiSeNet (https://arxiv.org/abs/1808.00897) with ResNet-18 on Cityscapes.

    tools/train.py configs/bisenet/bisenet_r18_cityscapes.py  # 16 images per step, 160000 steps

Expected: 74.44 mIoU (MMSegmentation's model zoo, 1024x1024, 160k steps, single scale).
Learning rate and weight decay are the paper's, which scales images by 0.75 to 2.
TorchSeg reports 76.28 with hard pixel mining.
"""

_base_ = ["../_base_/models/bisenet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (1024, 1024)

model = dict(backbone_weights="torchvision://resnet18")
data = dict(batch_size=16)
optimizer = dict(lr=0.025, weight_decay=1e-4)
train = dict(max_steps=160000)
hooks = dict(
    lr_schedule=dict(warmup_steps=1000, warmup_ratio=0.1),
    evaluate=dict(interval=16000),
    checkpoint=dict(interval=16000),
)
