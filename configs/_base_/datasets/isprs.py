"""What ISPRS' cities from the air share: 6 classes, cut into tiles and numbered as MMSegmentation's converters do.

A set says where it lies. Expected in the root: img_dir/{train,val}/NAME.png and ann_dir/{train,val}/NAME.png.
Ids begin at 1; 0 is the border, ignored.
"""

crop_size = (512, 512)
label_map = {0: 255, 1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5}
classes = ("impervious surface", "building", "low vegetation", "tree", "car", "clutter")
palette = ((255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0))
data = dict(
    train=dict(
        type="FolderDataset",
        root="${data_root}",
        split="train",
        images="img_dir",
        annotations="ann_dir",
        classes="${classes}",
        palette="${palette}",
        label_map="${label_map}",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), size=(512, 512)),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(
        type="FolderDataset",
        root="${data_root}",
        split="val",
        images="img_dir",
        annotations="ann_dir",
        classes="${classes}",
        palette="${palette}",
        label_map="${label_map}",
        pipeline=[],
    ),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
