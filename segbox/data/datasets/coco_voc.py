"""COCO 2017 (https://cocodataset.org) with the classes of PASCAL VOC: what nets for VOC are trained on first."""

from segbox.data.datasets.pairs import PairDataset, check_split, find_pairs, open_root
from segbox.data.datasets.pascal_voc import CLASSES, PALETTE
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.registry import DATASETS

FOLDERS = {"train": "train2017", "val": "val2017"}
COCO_NAMES = {  # the names that differ -> VOC's
    "airplane": "aeroplane",
    "dining table": "diningtable",
    "motorcycle": "motorbike",
    "potted plant": "pottedplant",
    "couch": "sofa",
    "tv": "tvmonitor",
}
HOW_TO_GET = """\
Download train2017.zip, val2017.zip (http://images.cocodataset.org/zips) and annotations_trainval2017.zip
(http://images.cocodataset.org/annotations), unpack them into one folder, and make masks of them:
  segbox convert coco FOLDER {root}
Expected in the root (now {root}):
  images/{{train,val}}2017/NAME.jpg    those with more than 1000 pixels of VOC's classes
  annotations/{{train,val}}2017/NAME.png"""


@DATASETS.register(name="COCOVOC")
def coco_voc(
    root: str,
    split: str = "train",
    pipeline: PipelineConfig = (),
    transform_labels: bool = True,
    skip_unreadable: bool = False,
    exif: bool = True,
) -> PairDataset:
    """21 classes, in VOC's order; crowds are ignored. The other 60 kinds of things are background."""
    check_split(split, FOLDERS)
    images, labels = f"images/{FOLDERS[split]}", f"annotations/{FOLDERS[split]}"
    path = open_root(root, [images, labels], HOW_TO_GET)
    pairs = find_pairs(path / images, path / labels, (".jpg",), ".png")
    return PairDataset(
        pairs,
        CLASSES,
        PALETTE,
        pipeline=pipeline,
        transform_labels=transform_labels,
        skip_unreadable=skip_unreadable,
        exif=exif,
    )


coco_voc.classes = CLASSES  # known without the files
