"""Land from the air, in small images: ISPRS Potsdam and Vaihingen, and LoveDA (https://arxiv.org/abs/2110.08733)."""

from segbox.data.datasets.dataset import Colour
from segbox.data.datasets.pairs import IMAGE_SUFFIXES
from segbox.data.datasets.public import (
    ZERO_IGNORED,
    DatasetSpec,
    class_names,
    hex_colours,
    how_to_convert,
    register,
)

TREE = """\
  img_dir/train/NAME.*
  ann_dir/train/NAME.png
  img_dir/val/NAME.*
  ann_dir/val/NAME.png"""
ISPRS_CLASSES = class_names("impervious surface, building, low vegetation, tree, car, clutter")
ISPRS_PALETTE = hex_colours("ffffff 0000ff 00ffff 00ff00 ffff00 ff0000")


def add(name: str, classes: tuple[str, ...], palette: list[Colour], download: str) -> None:
    """A data set as `segbox convert` lays it out."""
    register(
        DatasetSpec(
            name=name,
            classes=classes,
            palette=palette,
            how_to_get=how_to_convert(name, download, TREE),
            splits={"train": ("train",), "val": ("val",)},
            images="img_dir/{part}",
            labels="ann_dir/{part}",
            image_suffixes=IMAGE_SUFFIXES,
            ids=ZERO_IGNORED,  # the borders of objects, and what was not photographed
        )
    )


add(
    "Potsdam",
    ISPRS_CLASSES,
    ISPRS_PALETTE,
    """\
Ask for the data at https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-potsdam.aspx, unpack
2_Ortho_RGB.zip and 5_Labels_all_noBoundary.zip into one folder, and cut the pictures (3456 and 2016 images):""",
)
add(
    "Vaihingen",
    ISPRS_CLASSES,
    ISPRS_PALETTE,
    """\
Ask for the data at https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-vaihingen.aspx, unpack
ISPRS_semantic_labeling_Vaihingen.zip and ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE.zip into one
folder, and cut the pictures (344 and 398 images):""",
)
add(
    "LoveDA",
    class_names("background, building, road, water, barren, forest, agricultural"),
    hex_colours("ffffff ff0000 ffff00 0000ff 9f81b7 00ff00 ffc380"),
    """\
Download Train.zip and Val.zip (2522 and 1669 images) from https://zenodo.org/record/5706578, unpack both into one
folder, and put city and country together:""",
)
