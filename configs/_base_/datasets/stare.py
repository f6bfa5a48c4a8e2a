"""STARE: the vessels of the retina, 2 classes, laid out as MMSegmentation's converters do.

Expected in the root: images/{training,validation}/NAME.png and annotations/{training,validation}/NAME.ah.png.
Masks hold 0 and 1, or 0 and 255. Published is the Dice of the vessels. Source: https://cecas.clemson.edu/~ahoover/stare
"""

data_root = "data/stare"
crop_size = (128, 128)
image_size = (605, 700)
classes = ("background", "vessel")
palette = ((120, 120, 120), (6, 230, 230))
label_map = {255: 1}
data = dict(
    train=dict(
        type="FolderDataset",
        root="${data_root}",
        split="training",
        classes="${classes}",
        palette="${palette}",
        label_map="${label_map}",
        label_suffix=".ah.png",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), size="${image_size}"),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(
        type="FolderDataset",
        root="${data_root}",
        split="validation",
        classes="${classes}",
        palette="${palette}",
        label_map="${label_map}",
        label_suffix=".ah.png",
        pipeline=[],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
