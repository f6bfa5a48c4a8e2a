"""Cityscapes as the Gluon and Encoding toolboxes augment it: short side 512 to 2048, crops of 768, blur.

In centre crops: `--cfg-options test.mode=crop test.window=768`.
"""

_base_ = "cityscapes.py"

crop_size = (768, 768)
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomFlip"),
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short=1024),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="GaussianBlur", probability=0.5, radius=(0, 1)),
        ]
    )
)
