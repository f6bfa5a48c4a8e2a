"""Generated pictures of coloured shapes: 6 shapes and the background, outlines ignored. Nothing to download."""

data = dict(
    train=dict(
        type="ShapesDataset",
        num_images=800,
        size=(96, 128),
        radii=(0.15, 0.32),
        seed=0,
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.9, 1.25)),
            dict(type="RandomCrop", size=(96, 128), cat_max_ratio=0.9),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(type="ShapesDataset", num_images=100, size=(96, 128), radii=(0.15, 0.32), seed=1, pipeline=[]),
    batch_size=16,
    val_batch_size=16,
    workers=2,
)
