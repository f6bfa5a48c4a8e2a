"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) with MobileNetV2 on CamVid: half an hour on one CPU core.

    tools/train.py configs/deeplabv3plus/deeplabv3plus_mnv2_camvid.py  # 8 images per step, 2400 steps

Expected: 69.9 mIoU on val from ImageNet weights (our own measurement, three seeds, docs/results.md).
Those were TensorFlow Hub's, quantised to 8 bits and back, for RGB scaled to -1..1. This config begins from
torchvision's, which we have not measured. With a file like ours:
--cfg-options model.backbone_weights=PATH model.mean=127.5 model.std=127.5 model.freeze_stages=2
Freezing the stages up to stride 4 saves a quarter of the time.
"""

_base_ = ["../_base_/models/deeplabv3plus.py", "../_base_/datasets/camvid.py", "../_base_/schedules/adamw_poly.py"]

crop_size = (240, 320)
model = dict(
    mean=None,  # that of the weights
    std=None,
    backbone_weights="torchvision://mobilenet_v2",
    freeze_stages=0,
    backbone=dict(_delete_=True, type="MobileNetV2", variant="1.0", output_stride=16, has_last_conv=False),
    decode_head=dict(
        channels=96,
        rates=(3, 6, 9),  # the crop has 15 x 20 pixels of stride 16
        dropout=0.0,
        loss=dict(type="CrossEntropyLoss", class_weight="sqrt", logit_adjustment=0.5),
    ),
)
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.75, 1.5)),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion", brightness=30, contrast=(0.7, 1.3), saturation=(0.7, 1.3), hue=0),
        ]
    ),
    batch_size=8,
    workers=1,
)
optimizer = dict(lr=1.5e-3, head_lr_mult=3.0)
test = dict(divisor=16)  # 360 rows are 22.5 cells of stride 16
train = dict(max_steps=2400)
hooks = dict(
    lr_schedule=dict(power=0.9, warmup_steps=100),
    ema=dict(type="EMA", momentum=0.998),
    evaluate=dict(interval=600),
    checkpoint=dict(interval=1200),
)
