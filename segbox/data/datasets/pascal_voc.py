"""PASCAL VOC 2012 (http://host.robots.ox.ac.uk/pascal/VOC/voc2012), also with the masks of SBD that augment it."""

from pathlib import Path

from segbox.data import places
from segbox.data.datasets.dataset import Colour
from segbox.data.datasets.pairs import match_names, paths_in, read_names
from segbox.data.datasets.public import DatasetSpec, Found, class_names, find_files, open_root, register
from segbox.errors import DataError

LISTS = "ImageSets/Segmentation"
AUGMENTED = "train_aug"  # the split with SBD's masks: 10582 images
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


def _find(spec: DatasetSpec, root: str, split: str) -> Found:
    if split != AUGMENTED:
        return find_files(spec, root, split)
    path = open_root(root, [spec.images, spec.labels, LISTS], f"{HOW_TO_GET}\n{HOW_TO_GET_AUGMENTED}")
    open_root(root, [f"{spec.labels}Aug"], HOW_TO_GET_AUGMENTED)
    images = paths_in(path / spec.images, *spec.image_suffixes)
    labels = paths_in(path / spec.labels, spec.label_suffix)
    labels |= paths_in(path / f"{spec.labels}Aug", spec.label_suffix)
    names = _augmented_names(path / LISTS)
    return match_names(images, labels, names, path / spec.images, f"*.png in {path / spec.labels}Aug"), spec.ids


def _augmented_names(lists: Path) -> list[str]:
    for name in AUGMENTED_LISTS:
        if places.is_file(lists / name):
            return read_names(lists / name)
    if not places.is_file(lists / "aug.txt"):
        raise DataError(
            f"there is no {lists / AUGMENTED_LISTS[0]}. {HOW_TO_GET_AUGMENTED.format(root=lists.parents[1])}"
        )
    return list(dict.fromkeys(read_names(lists / "train.txt") + read_names(lists / "aug.txt")))


register(
    DatasetSpec(
        name="PascalVOC",
        classes=CLASSES,  # the outlines of objects have id 255 and are ignored
        palette=PALETTE,
        how_to_get=HOW_TO_GET,
        splits={split: (split,) for split in ("train", "val", "trainval", AUGMENTED)},
        images="JPEGImages",
        labels="SegmentationClass",
        name_list=f"{LISTS}/{{part}}.txt",
        find=_find,
    )
)
