"""What sets of images/ and annotations/ share; a set says `data_root`, `classes`, `palette` and its pipeline."""

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
