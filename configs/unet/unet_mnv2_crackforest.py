"""U-Net (https://arxiv.org/abs/1505.04597) on MobileNetV2, on the cracks of CrackForest.

    tools/train.py configs/unet/unet_mnv2_crackforest.py  # 8 images per step, 470 steps

Expected: 49.2 IoU and 65.9 F-score of the cracks on every fifth image, from ImageNet weights, mean of three seeds (our
own measurement, docs/results.md).
Those were TensorFlow Hub's, quantised to 8 bits and back, for RGB scaled to -1..1. This config begins from
torchvision's, which we have not measured. With a file like ours:
--cfg-options model.backbone_weights=PATH model.mean=127.5 model.std=127.5 model.freeze_stages=2
"""

_base_ = ["../_base_/models/unet_r34.py", "../_base_/datasets/crackforest.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    mean=None,  # that of the weights
    std=None,
    backbone_weights="torchvision://mobilenet_v2",
    freeze_stages=0,
    backbone=dict(_delete_=True, type="MobileNetV2", variant="1.0", output_stride=32, has_last_conv=False),
    decode_head=dict(out_channels=1, loss=[dict(type="BCEWithLogitsLoss"), dict(type="DiceLoss")]),
)
optimizer = dict(lr=1e-3, head_lr_mult=1.0)
train = dict(max_steps=470)
hooks = dict(lr_schedule=dict(power=0.9, warmup_steps=20), evaluate=dict(interval=235), checkpoint=dict(interval=235))
