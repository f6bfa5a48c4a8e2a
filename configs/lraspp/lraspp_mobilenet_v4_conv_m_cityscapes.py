"""LR-ASPP (https://arxiv.org/abs/1905.02244) with MobileNetV4-Conv-M on Cityscapes.

    tools/train.py configs/lraspp/lraspp_mobilenet_v4_conv_m_cityscapes.py  # 16 images per step, 80000 steps

Expected: no published number was found for this setting.
Needs timm. MobileNetV4: https://arxiv.org/abs/2404.10518.
"""

_base_ = ["../_base_/models/lraspp.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(
        _delete_=True,
        type="Timm",
        name="mobilenetv4_conv_medium.e500_r256_in1k",
        pretrained=True,
        output_stride=16,
        in_channels=3,
    )
)
data = dict(batch_size=16)
optimizer = dict(lr=2e-4, weight_decay=0.05, head_lr_mult=5.0)
train = dict(max_steps=80000)
hooks = dict(evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
