"""ISBI 2012: membranes of neurons in electron microscopy, 2 classes, grey slices of 512 x 512.

Expected in the root: images/{train,val}/NAME.png and annotations/{train,val}/NAME.png; masks hold 0 (cell) and 1
(membrane). The slices are neighbours in one volume: validate on the last ones, not on random ones.
"""

_base_ = "folder.py"

data_root = "data/isbi"
crop_size = (256, 256)
classes = ("cell", "membrane")
palette = ((255, 255, 255), (0, 0, 0))
data = dict(
    train=dict(
        channels=1,
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.75, 1.33)),
            dict(type="RandomRotate", degrees=180),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="RandomFlip"),
        ],
    ),
    val=dict(channels=1),
    batch_size=4,
)
