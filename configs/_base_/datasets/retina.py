"""Base of the retinal vessel data sets. Each adds its type, `data_root`, `crop_size` and `image_size`.

Papers publish the Dice of the vessels.
"""

data = dict(
    train=dict(
        type="${dataset}",
        root="${data_root}",
        split="train",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), size="${image_size}"),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(type="${dataset}", root="${data_root}", split="val", pipeline=[]),
    batch_size=16,
    val_batch_size=1,
    workers=4,
)
