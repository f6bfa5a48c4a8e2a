"""CamVid, 11 classes, 480x360, in the split of SegNet's authors: 367 images to train on, 101 to validate, 233 to test.

Published numbers are those of the split "test": `--cfg-options data.val.split=test`.
"""

data_root = "data/camvid"
crop_size = (320, 416)
data = dict(
    train=dict(
        type="CamVid",
        root="${data_root}",
        split="train",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0)),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(type="CamVid", root="${data_root}", split="val", pipeline=[]),
    batch_size=12,
    val_batch_size=1,
    workers=4,
)
