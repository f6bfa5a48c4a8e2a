"""Base of the ISPRS aerial data sets. Each adds its type and `data_root`."""

crop_size = (512, 512)
data = dict(
    train=dict(
        type="${dataset}",
        root="${data_root}",
        split="train",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), size=(512, 512)),
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
