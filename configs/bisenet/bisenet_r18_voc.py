"""BiSeNet (https://arxiv.org/abs/1808.00897) with ResNet-18 on PASCAL VOC 2012.

    tools/train.py configs/bisenet/bisenet_r18_voc.py  # 128 images per step, 50 epochs

Expected: 67.11 mIoU, 91.86 pixAcc (AceCoooool/pytorch-cv, whole images; centre crops of 480: 71.89, 92.58).
"""

_base_ = ["../_base_/models/bisenet.py", "../_base_/datasets/voc_480.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet18")
data = dict(batch_size=128)
optimizer = dict(lr=0.016, weight_decay=1e-4, head_lr_mult=10.0)  # 0.001 for 8 images
train = dict(max_epochs=50)
hooks = dict(
    lr_schedule=dict(warmup_steps=200, warmup_ratio=0.01), evaluate=dict(interval=2000), checkpoint=dict(interval=2000)
)
