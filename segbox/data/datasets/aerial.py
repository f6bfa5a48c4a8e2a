"""Land from the air, in small images: ISPRS Potsdam and Vaihingen, and LoveDA (https://arxiv.org/abs/2110.08733)."""

from functools import partial

from segbox.data.datasets import converted
from segbox.data.datasets.pairs import ZERO_IGNORED, class_names, hex_colours

register = partial(
    converted.register,
    folders={"train": ("img_dir/train", "ann_dir/train"), "val": ("img_dir/val", "ann_dir/val")},
    label_suffix=".png",
    label_table=ZERO_IGNORED,  # the borders of objects, and what was not photographed
)
register_isprs = partial(
    register,
    classes=class_names("impervious surface, building, low vegetation, tree, car, clutter"),
    palette=hex_colours("ffffff 0000ff 00ffff 00ff00 ffff00 ff0000"),
)
register_isprs(
    "Potsdam",
    download="""\
Ask for the data at https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-potsdam.aspx, unpack
2_Ortho_RGB.zip and 5_Labels_all_noBoundary.zip into one folder, and cut the pictures (3456 and 2016 images):""",
)
register_isprs(
    "Vaihingen",
    download="""\
Ask for the data at https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-vaihingen.aspx, unpack
ISPRS_semantic_labeling_Vaihingen.zip and ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE.zip into one
folder, and cut the pictures (344 and 398 images):""",
)
register(
    "LoveDA",
    classes=class_names("background, building, road, water, barren, forest, agricultural"),
    palette=hex_colours("ffffff ff0000 ffff00 0000ff 9f81b7 00ff00 ffc380"),
    download="""\
Download Train.zip and Val.zip (2522 and 1669 images) from https://zenodo.org/record/5706578, unpack both into one
folder, and put city and country together:""",
)
