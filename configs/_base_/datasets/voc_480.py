"""PASCAL VOC 2012 with SBD's masks as the Gluon and Encoding toolboxes augment it: short side 270 to 1080, blur.

Scored whole, at its own size. In centre crops: `--cfg-options test.mode=crop test.window=480`.
"""

_base_ = "voc.py"

crop_size = (480, 480)
short_side = 540
long_side = None
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomFlip"),
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short="${short_side}", long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="GaussianBlur", probability=0.5, radius=(0, 1)),
        ]
    ),
    val=dict(pipeline=[]),
)
