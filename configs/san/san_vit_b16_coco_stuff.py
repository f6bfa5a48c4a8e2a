"""SAN (https://arxiv.org/abs/2302.12242) with CLIP's ViT-B/16 on COCO-Stuff.

    tools/train.py configs/san/san_vit_b16_coco_stuff.py  # 32 images per step, 60000 steps

Expected: 41.93 mIoU (MMSegmentation's model zoo, 640x640, 60k steps, single scale). That is with CLIP's embeddings of
the names of the classes; here they are learned, which nobody has measured. See docs/interop.md#san.
"""

_base_ = ["../_base_/models/san.py", "../_base_/datasets/coco_stuff.py", "../_base_/schedules/adamw_poly.py"]

crop_size = (640, 640)
short_side = 640
long_side = 2560
optimizer = dict(lr=1e-4, weight_decay=1e-4, head_lr_mult=1.0, decay_biases=True, decay_embeddings=False)
train = dict(max_steps=60000, clip_grad=0.01)
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 1.5), short="${short_side}", long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="PhotoMetricDistortion"),
            dict(type="RandomFlip"),
        ],
    ),
    batch_size=32,
)
test = dict(divisor=32)
hooks = dict(lr_schedule=dict(warmup_steps=0), evaluate=dict(interval=6000), checkpoint=dict(interval=6000))
