"""Base of data sets with images/ and annotations/. A data set adds `data_root`, `classes`, `palette` and a pipeline."""

data = dict(
    train=dict(
        type="FolderDataset",
        root="${data_root}",
        split="train",
        classes="${classes}",
        palette="${palette}",
    ),
    val=dict(
        type="FolderDataset",
        root="${data_root}",
        split="val",
        classes="${classes}",
        palette="${palette}",
        pipeline=[],
    ),
    batch_size=8,
    val_batch_size=1,
    workers=1,
)
