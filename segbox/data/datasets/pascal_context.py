"""Pascal Context (https://cs.stanford.edu/~roozbeh/pascal-context): VOC 2010 with every pixel named."""

from segbox.data.datasets.ade20k import PALETTE as ADE20K_PALETTE
from segbox.data.datasets.pairs import (
    SAME_IDS,
    ZERO_IGNORED,
    PairDataset,
    check_split,
    class_names,
    find_pairs,
    open_root,
    read_names,
)
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.registry import DATASETS

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


@DATASETS.register(name="PascalContext")
def pascal_context(
    root: str,
    split: str = "train",
    use_background: bool = False,
    pipeline: PipelineConfig = (),
    transform_labels: bool = True,
    skip_unreadable: bool = False,
    exif: bool = True,
) -> PairDataset:
    """59 classes; the rest (id 0 in the files) is ignored, or with `use_background` the first of 60 classes."""
    check_split(split, ("train", "val"))
    path = open_root(root, ["JPEGImages", "SegmentationClassContext", f"{LISTS}/{split}.txt"], HOW_TO_GET)
    names = read_names(path / LISTS / f"{split}.txt")
    return PairDataset(
        find_pairs(path / "JPEGImages", path / "SegmentationClassContext", (".jpg",), ".png", names),
        classes(use_background),
        [ADE20K_PALETTE[0], *PALETTE] if use_background else PALETTE,
        SAME_IDS if use_background else ZERO_IGNORED,
        pipeline,
        transform_labels,
        skip_unreadable,
        exif,
    )


def classes(use_background: bool = False) -> tuple[str, ...]:
    return ("background", *CLASSES) if use_background else CLASSES


pascal_context.classes = classes  # known without the files
