"""PASCAL VOC 2012 (http://host.robots.ox.ac.uk/pascal/VOC/voc2012), also with the masks of SBD that augment it."""

from pathlib import Path

from segbox.data.datasets.dataset import Colour
from segbox.data.datasets.pairs import (
    PairDataset,
    check_split,
    class_names,
    match_names,
    open_root,
    paths_in,
    read_names,
)
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.errors import DataError
from segbox.registry import DATASETS

LISTS = "ImageSets/Segmentation"
SPLITS = ("train", "val", "trainval", "train_aug")
AUGMENTED_LISTS = ("train_aug.txt", "trainaug.txt")  # complete ones; aug.txt may also hold only what SBD adds
HOW_TO_GET = """\
Download http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar (2 GB), unpack it, and give the
folder VOCdevkit/VOC2012 as root (now {root}). Expected in it:
  JPEGImages/NAME.jpg
  SegmentationClass/NAME.png
  ImageSets/Segmentation/train.txt    (1464 names), val.txt (1449), trainval.txt"""
HOW_TO_GET_AUGMENTED = """\
The split "train_aug" needs, beside VOC 2012 itself, the masks of SBD: download benchmark.tgz from
http://home.bharathh.info/pubs/codes/SBD/download.html, unpack it, and make PNG files and the list of 10582 names of it:
  segbox convert sbd FOLDER {root}
Expected in {root}:
  SegmentationClassAug/NAME.png
  ImageSets/Segmentation/train_aug.txt    or aug.txt"""

CLASSES = class_names(
    """
    background, aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, motorbike,
    person, pottedplant, sheep, sofa, train, tvmonitor
    """
)


def bit_colours(count: int) -> list[Colour]:
    """VOC's palette: the bits of an id, dealt to red, green and blue in turn, highest bit of a colour first."""
    return [
        tuple(sum((i >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3))
        for i in range(count)
    ]


PALETTE = bit_colours(len(CLASSES))


@DATASETS.register(name="PascalVOC")
def pascal_voc(
    root: str,
    split: str = "train",
    pipeline: PipelineConfig = (),
    transform_labels: bool = True,
    skip_unreadable: bool = False,
    exif: bool = True,
) -> PairDataset:
    """21 classes; the outlines of objects (255) are ignored. `split="train_aug"`: 10582 images, with SBD's masks."""
    check_split(split, SPLITS)
    how_to_get = f"{HOW_TO_GET}\n{HOW_TO_GET_AUGMENTED}" if split == "train_aug" else HOW_TO_GET
    path = open_root(root, ["JPEGImages", "SegmentationClass", LISTS], how_to_get)
    labels = paths_in(path / "SegmentationClass", ".png")
    where = f"*.png in {path / 'SegmentationClass'}"
    if split == "train_aug":
        open_root(root, ["SegmentationClassAug"], HOW_TO_GET_AUGMENTED)
        labels |= paths_in(path / "SegmentationClassAug", ".png")
        where += "Aug"
    images = paths_in(path / "JPEGImages", ".jpg")
    pairs = match_names(images, labels, _names(path / LISTS, split), path / "JPEGImages", where)
    return PairDataset(
        pairs,
        CLASSES,
        PALETTE,
        pipeline=pipeline,
        transform_labels=transform_labels,
        skip_unreadable=skip_unreadable,
        exif=exif,
    )


pascal_voc.classes = CLASSES  # known without the files


def _names(lists: Path, split: str) -> list[str]:
    if split != "train_aug":
        return read_names(open_root(str(lists), [f"{split}.txt"], "It belongs to VOC 2012") / f"{split}.txt")
    for name in AUGMENTED_LISTS:
        if (lists / name).is_file():
            return read_names(lists / name)
    if not (lists / "aug.txt").is_file():
        raise DataError(
            f"there is no {lists / AUGMENTED_LISTS[0]}. {HOW_TO_GET_AUGMENTED.format(root=lists.parents[1])}"
        )
    return list(dict.fromkeys(read_names(lists / "train.txt") + read_names(lists / "aug.txt")))
