"""CrackForest: cracks in road surfaces, 2 classes, photographs of 480 x 320; one pixel in 60 is of a crack.

Expected in the root: images/{train,val}/NAME.jpg and annotations/{train,val}/NAME.png; masks hold 0 (road) and 1
(crack). In the .mat files of the source, 2 and 4 are cracks, 1 and 3 are road.
"""

_base_ = "folder.py"

data_root = "data/crackforest"
crop_size = (256, 384)
classes = ("road", "crack")
palette = ((128, 128, 128), (255, 0, 0))
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.75, 1.5)),
            dict(type="RandomRotate", degrees=20),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="RandomFlip"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
)
