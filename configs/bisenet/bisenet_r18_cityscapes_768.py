"""BiSeNet (https://arxiv.org/abs/1808.00897) with ResNet-18 on Cityscapes.

    tools/train.py configs/bisenet/bisenet_r18_cityscapes_768.py  # 64 images per step, 120 epochs

Expected: no number was published for this row of AceCoooool/pytorch-cv.
The loss uses hard pixels only (OHEM): those whose class has a probability below 0.7, but at least a sixteenth of all.
"""

_base_ = ["../_base_/models/bisenet.py", "../_base_/datasets/cityscapes_768.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    decode_head=dict(loss=dict(type="OHEMThresholdCrossEntropyLoss", threshold=0.7, min_kept=1 / 16)),
    backbone_weights="torchvision://resnet18",
)
data = dict(batch_size=64)
optimizer = dict(lr=0.08, weight_decay=1e-4, head_lr_mult=10.0)  # 0.01 for 8 images
train = dict(max_epochs=120)
hooks = dict(
    lr_schedule=dict(warmup_steps=200, warmup_ratio=0.01), evaluate=dict(interval=2000), checkpoint=dict(interval=2000)
)
