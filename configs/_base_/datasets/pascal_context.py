"""Pascal Context, 59 classes (`data.train.use_background=True` and the same for val: 60). Root: VOCdevkit/VOC2010."""

data_root = "data/pascal_context"
crop_size = (480, 480)
long_side = 520  # size to which images are scaled before the random ratio
data = dict(
    train=dict(
        type="PascalContext",
        root="${data_root}",
        split="train",
        use_background=False,
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(
        type="PascalContext",
        root="${data_root}",
        split="val",
        use_background=False,
        pipeline=[dict(type="Resize", long="${long_side}")],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
