"""ADE20K in small crops, for one GPU: long side 1.083 x 384 times 0.5 to 2, to be scored in centre crops.

For that, a config adds test = dict(mode="crop", window="${crop_size}").
"""

_base_ = "ade20k.py"

crop_size = (384, 384)
short_side = None
long_side = 416
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomFlip"),
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short="${short_side}", long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}"),
        ]
    ),
    val=dict(pipeline=[]),  # test.mode="crop" resizes by itself: short side to the crop, then its centre
)
