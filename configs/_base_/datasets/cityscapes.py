"""Cityscapes with fine annotations, 19 classes. Root: the folder that holds leftImg8bit and gtFine."""

data_root = "data/cityscapes"
crop_size = (512, 1024)
data = dict(
    train=dict(
        type="Cityscapes",
        root="${data_root}",
        split="train",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0)),  # times 1024x2048
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.75),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(type="Cityscapes", root="${data_root}", split="val", pipeline=[]),
    batch_size=8,
    val_batch_size=1,
    workers=4,
)
