"""Pascal Context (https://cs.stanford.edu/~roozbeh/pascal-context): VOC 2010 with every pixel named."""

from segbox.data.datasets.ade20k import PALETTE as ADE20K_PALETTE
from segbox.data.datasets.public import ZERO_IGNORED, DatasetSpec, class_names, register

LISTS = "ImageSets/SegmentationContext"
HOW_TO_GET = """\
Download VOCtrainval_03-May-2010.tar from http://host.robots.ox.ac.uk/pascal/VOC/voc2010 and trainval_merged.json from
https://codalabuser.blob.core.windows.net/public/trainval_merged.json, unpack the former, give its folder
VOCdevkit/VOC2010 as root (now {root}), and make masks of ids 0 to 59, and lists, of the latter:
  segbox convert pascal_context trainval_merged.json {root}
Expected in the root:
  JPEGImages/NAME.jpg
  SegmentationClassContext/NAME.png
  ImageSets/SegmentationContext/train.txt    (4998 names) and val.txt (5105)"""

CLASSES = class_names(
    """
    aeroplane, bag, bed, bedclothes, bench, bicycle, bird, boat, book, bottle, building, bus, cabinet, car, cat,
    ceiling, chair, cloth, computer, cow, cup, curtain, dog, door, fence, floor, flower, food, grass, ground, horse,
    keyboard, light, motorbike, mountain, mouse, person, plate, platform, pottedplant, road, rock, sheep, shelves,
    sidewalk, sign, sky, snow, sofa, table, track, train, tree, truck, tvmonitor, wall, water, window, wood
    """
)
PALETTE = ADE20K_PALETTE[1:60]  # the set has none of its own; these are the colours that it is usually shown in

register(
    DatasetSpec(
        name="PascalContext",
        classes=CLASSES,  # what belongs to none of them has id 0
        palette=PALETTE,
        how_to_get=HOW_TO_GET,
        splits={"train": ("train",), "val": ("val",)},
        images="JPEGImages",
        labels="SegmentationClassContext",
        name_list=f"{LISTS}/{{part}}.txt",
        ids=ZERO_IGNORED,
        background=ADE20K_PALETTE[0],
    )
)
