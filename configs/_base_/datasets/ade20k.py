"""ADE20K, 150 classes (`data.train.use_background=True` and the same for val: 151). Root: ADEChallengeData2016."""

data_root = "data/ade20k"
crop_size = (512, 512)
short_side = 512  # size to which images are scaled before the random ratio
long_side = 2048  # limit of the long side
data = dict(
    train=dict(
        type="ADE20K",
        root="${data_root}",
        split="train",
        use_background=False,
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short="${short_side}", long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(
        type="ADE20K",
        root="${data_root}",
        split="val",
        use_background=False,
        pipeline=[dict(type="Resize", short="${short_side}", long="${long_side}")],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
