"""Cityscapes (https://www.cityscapes-dataset.com), with the fine annotations."""

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.pairs import (
    SAME_IDS,
    PairDataset,
    check_split,
    class_names,
    hex_colours,
    match_names,
    open_root,
    paths_in,
)
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.registry import DATASETS

SPLITS = {"train": ("train",), "val": ("val",), "trainval": ("train", "val"), "test": ("test",)}
HOW_TO_GET = """\
Register at https://www.cityscapes-dataset.com, download leftImg8bit_trainvaltest.zip (11 GB) and
gtFine_trainvaltest.zip, and unpack both into one folder, the root (now {root}). Expected in it:
  leftImg8bit/{{train,val,test}}/CITY/NAME_leftImg8bit.png    2975, 500 and 1525 images
  gtFine/{{train,val,test}}/CITY/NAME_gtFine_labelIds.png     or NAME_gtFine_labelTrainIds.png
Where there are only polygons, masks are made of them:
  segbox convert cityscapes {root} {root}"""

CLASSES = class_names(
    """
    road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person, rider,
    car, truck, bus, train, motorcycle, bicycle
    """
)
PALETTE = hex_colours(
    """
    804080 f423e8 464646 66669c be9999 999999 faaa1e dcdc00 6b8e23 98fb98 4682b4 dc143c ff0000 00008e 000046 003c64
    005064 0000e6 770b20
    """
)
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # of the classes, in the files


def _label_id_table() -> np.ndarray:
    table = np.full(256, IGNORE_INDEX, np.uint8)
    table[list(LABEL_IDS)] = np.arange(len(CLASSES))
    return table


@DATASETS.register(name="Cityscapes")
def cityscapes(
    root: str,
    split: str = "train",
    pipeline: PipelineConfig = (),
    transform_labels: bool = True,
    skip_unreadable: bool = False,
    exif: bool = True,
) -> PairDataset:
    """19 classes out of the 34 ids of the files. In the split "test" everything is ignored: its labels are secret.

    Masks that were made with the official scripts (labelTrainIds) are read where every image has one.
    """
    check_split(split, SPLITS)
    parts = SPLITS[split]
    path = open_root(root, [f"{kind}/{part}" for kind in ("leftImg8bit", "gtFine") for part in parts], HOW_TO_GET)
    images: dict = {}
    labels: dict = {}
    train_labels: dict = {}
    for part in parts:  # the parts have no city in common
        images |= paths_in(path / "leftImg8bit" / part, "_leftImg8bit.png")
        labels |= paths_in(path / "gtFine" / part, "_gtFine_labelIds.png")
        train_labels |= paths_in(path / "gtFine" / part, "_gtFine_labelTrainIds.png")
    is_renumbered = bool(images) and images.keys() <= train_labels.keys()
    masks = f"*_gtFine_labelIds.png in {path / 'gtFine'}"
    return PairDataset(
        match_names(images, train_labels if is_renumbered else labels, None, path / "leftImg8bit", masks),
        CLASSES,
        PALETTE,
        SAME_IDS if is_renumbered else _label_id_table(),
        pipeline,
        transform_labels,
        skip_unreadable,
        exif,
    )


cityscapes.classes = CLASSES  # known without the files
