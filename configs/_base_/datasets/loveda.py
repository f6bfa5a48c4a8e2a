"""LoveDA (https://arxiv.org/abs/2110.08733), land cover of cities and country, 7 classes.

Cut into tiles and numbered as MMSegmentation's converters do. Expected in the root:
img_dir/{train,val}/NAME.png and ann_dir/{train,val}/NAME.png.
Ids begin at 1; 0 is no data.
Source: https://zenodo.org/record/5706578
"""

data_root = "data/loveda"
crop_size = (512, 512)
label_map = {0: 255, 1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6}
classes = (
    "background",
    "building",
    "road",
    "water",
    "barren",
    "forest",
    "agricultural",
)
palette = ((255, 255, 255), (255, 0, 0), (255, 255, 0), (0, 0, 255), (159, 129, 183), (0, 255, 0), (255, 195, 128))
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
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short=512, long=2048),
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
