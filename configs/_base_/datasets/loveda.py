"""LoveDA (https://arxiv.org/abs/2110.08733), land cover of cities and country, 7 classes.

Root: what `tools/convert_dataset.py loveda` makes of the download.
"""

data_root = "data/loveda"
crop_size = (512, 512)
data = dict(
    train=dict(
        type="LoveDA",
        root="${data_root}",
        split="train",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short=512, long=2048),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(type="LoveDA", root="${data_root}", split="val", pipeline=[]),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
