"""CHASE_DB1: the vessels of the retina, 2 classes, laid out as MMSegmentation's converters do.

Expected in the root: images/{training,validation}/NAME.png and annotations/{training,validation}/NAME_1stHO.png.
Masks hold 0 and 1, or 0 and 255. Published is the Dice of the vessels. Source: https://blogs.kingston.ac.uk/retinal/chasedb1
"""

data_root = "data/chase_db1"
crop_size = (128, 128)
image_size = (960, 999)
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
        label_suffix="_1stHO.png",
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
        label_suffix="_1stHO.png",
        pipeline=[],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
