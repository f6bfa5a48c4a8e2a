"""COCO-Stuff 164k, 171 classes. Root: the folder with images/{train,val}2017 and annotations/{train,val}2017."""

data_root = "data/coco_stuff"
crop_size = (512, 512)
short_side = 512  # size to which images are scaled before the random ratio
long_side = 2048  # limit of the long side
data = dict(
    train=dict(
        type="COCOStuff",
        root="${data_root}",
        split="train",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short="${short_side}", long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(
        type="COCOStuff",
        root="${data_root}",
        split="val",
        pipeline=[dict(type="Resize", short="${short_side}", long="${long_side}")],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
