"""COCO 2017 (https://cocodataset.org) with the classes of PASCAL VOC: what nets for VOC are trained on first."""

from segbox.data.datasets.pascal_voc import CLASSES, PALETTE
from segbox.data.datasets.public import DatasetSpec, register

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

register(
    DatasetSpec(
        name="COCOVOC",
        classes=CLASSES,  # crowds are ignored; the other 60 kinds of things are background
        palette=PALETTE,
        how_to_get=HOW_TO_GET,
        splits={"train": ("train2017",), "val": ("val2017",)},
    )
)
