"""PASCAL VOC 2012, 21 classes, trained on the 10582 images with SBD's masks. Root: VOCdevkit/VOC2012.

On VOC's own 1464 images: `--cfg-options data.train.split=train`.
"""

data_root = "data/voc"
crop_size = (512, 512)
short_side = 512  # size to which images are scaled before the random ratio
long_side = 2048  # limit of the long side
data = dict(
    train=dict(
        type="PascalVOC",
        root="${data_root}",
        split="train_aug",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short="${short_side}", long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(
        type="PascalVOC",
        root="${data_root}",
        split="val",
        pipeline=[dict(type="Resize", short="${short_side}", long="${long_side}")],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
