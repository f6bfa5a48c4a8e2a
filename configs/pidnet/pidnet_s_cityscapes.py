"""PIDNet-S (https://arxiv.org/abs/2206.02066) on Cityscapes.

    tools/train.py configs/pidnet/pidnet_s_cityscapes.py  # 12 images per step, 120000 steps

Expected: 78.74 mIoU (MMSegmentation's model zoo, 1024x1024, 120k steps, single scale).
That model began from ImageNet weights. These are not known to segbox, so this recipe begins from random ones; to begin
from the published model instead, set model.weights="mmseg://pidnet-s_2xb6-120k_1024x1024-cityscapes".
"""

_base_ = ["../_base_/models/pidnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (1024, 1024)
class_weight = (
    0.8373, 0.918, 0.866, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023,
    0.9539, 0.9843, 1.1116, 0.9037, 1.0865, 1.0955, 1.0865, 1.1529, 1.0507,
)  # fmt: skip

model = dict(
    decode_head=dict(loss=dict(class_weight="${class_weight}")),
    auxiliary_head=dict(loss=dict(class_weight="${class_weight}")),
)
data = dict(batch_size=12)
train = dict(max_steps=120000)
hooks = dict(evaluate=dict(interval=12000), checkpoint=dict(interval=12000))
