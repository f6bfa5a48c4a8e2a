"""What the sets of retinal vessels share: 2 classes, in folders as MMSegmentation's converters lay them out.

A set says where it lies, `crop_size`, `image_size` (height, width) and `label_suffix`. Expected in the root:
images/{training,validation}/NAME.png and annotations/{training,validation}/NAME<label_suffix>.
Masks hold 0 and 1, or 0 and 255. Published is the Dice of the vessels.
"""

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
        label_suffix="${label_suffix}",
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
        label_suffix="${label_suffix}",
        pipeline=[],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
