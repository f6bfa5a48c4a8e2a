"""CGNet (https://arxiv.org/abs/1811.08201) on Cityscapes, from random weights.

    tools/train.py configs/cgnet/cgnet_cityscapes.py  # 32 images per step, 60000 steps

Expected: 68.27 mIoU (MMSegmentation's model zoo, 512x1024, 60k steps, single scale).
"""

_base_ = ["../_base_/models/cgnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

class_weight = (
    2.5959933, 6.7415504, 3.5354059, 9.8663225, 9.690899, 9.369352, 10.289121, 9.953208, 4.3097677, 9.490387,
    7.674431, 9.396905, 10.347791, 6.3927646, 10.226669, 10.241062, 10.280587, 10.396974, 10.055647,
)  # fmt: skip

model = dict(
    mean=(72.39239876, 82.90891754, 73.15835921),
    std=(1.0, 1.0, 1.0),
    decode_head=dict(loss=dict(class_weight="${class_weight}")),
)
data = dict(batch_size=32)
optimizer = dict(_delete_=True, type="Adam", lr=0.001, weight_decay=5e-4)
train = dict(max_steps=60000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
