"""DeepLabV3 (https://arxiv.org/abs/1706.05587) with MobileNetV3-Large on COCO with VOC's classes.

    tools/train.py configs/deeplabv3/deeplabv3_mobilenet_v3_large_coco_voc.py  # 32 images per step, 30 epochs

Expected: 60.3 mIoU, 91.2 pixAcc (torchvision, all of val2017 with labels resized to a short side of 520).
Its dilation rates are those for stride 8, on a backbone of stride 16.
configs/_base_/datasets/coco_voc.py says how to score the same images.
"""

_base_ = ["../_base_/models/deeplabv3.py", "../_base_/datasets/coco_voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="torchvision://mobilenet_v3_large",
    backbone=dict(type="MobileNetV3", variant="large", output_stride=16, taps="first"),
    decode_head=dict(rates=(12, 24, 36), dropout=0.0),
    auxiliary_head=dict(level=-3, loss=dict(loss_weight=0.5)),
)
optimizer = dict(lr=0.01, weight_decay=1e-6, rules={"auxiliary_heads.*": dict(lr_mult=10.0)})
train = dict(max_epochs=30)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
