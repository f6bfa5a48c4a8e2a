"""DDRNet-23 (https://arxiv.org/abs/2101.06085) on Cityscapes.

    tools/train.py configs/ddrnet/ddrnet23_cityscapes.py  # 12 images per step, 120000 steps

Expected: 79.99 mIoU (MMSegmentation's model zoo, 1024x1024, 120k steps, single scale).
That model began from ImageNet weights. These are not known to segbox, so this recipe begins from random ones; to begin
from the published model instead, set model.weights="mmseg://ddrnet_23_in1k-pre_2xb6-120k_cityscapes-1024x1024".
"""

_base_ = ["../_base_/models/ddrnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (1024, 1024)
class_weight = (
    0.8373, 0.918, 0.866, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023,
    0.9539, 0.9843, 1.1116, 0.9037, 1.0865, 1.0955, 1.0865, 1.1529, 1.0507,
)  # fmt: skip

model = dict(
    backbone=dict(variant="23"),
    decode_head=dict(channels=128, loss=dict(class_weight="${class_weight}")),
    auxiliary_head=dict(channels=128, loss=dict(class_weight="${class_weight}")),
)
data = dict(batch_size=12)
train = dict(max_steps=120000)
hooks = dict(evaluate=dict(interval=12000), checkpoint=dict(interval=12000))
