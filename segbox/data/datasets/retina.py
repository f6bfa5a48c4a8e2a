"""DRIVE, STARE, CHASE_DB1 and HRF: the vessels of the retina in photographs of it."""

from segbox.data.datasets.pairs import IMAGE_SUFFIXES
from segbox.data.datasets.public import DatasetSpec, how_to_convert, register, same_ids_except

CLASSES = ("background", "vessel")
TREE = """\
  images/training/NAME.*
  annotations/training/NAME{suffix}
  images/validation/NAME.*
  annotations/validation/NAME{suffix}"""


def add(name: str, label_suffix: str, download: str) -> None:
    """A data set as `segbox convert` lays it out."""
    register(
        DatasetSpec(
            name=name,
            classes=CLASSES,
            palette=[(120, 120, 120), (6, 230, 230)],
            how_to_get=how_to_convert(name, download, TREE.format(suffix=label_suffix)),
            splits={"train": ("training",), "val": ("validation",)},
            image_suffixes=IMAGE_SUFFIXES,
            label_suffix=label_suffix,
            ids=same_ids_except({255: 1}),  # masks hold 0 and 1, or 0 and 255
        )
    )


add(
    "DRIVE",
    "_manual1.png",
    """\
Join https://drive.grand-challenge.org, download training.zip and test.zip (20 images each), unpack both into one
folder, and sort the pictures:""",
)
add(
    "STARE",
    ".ah.png",
    """\
Download stare-images.tar and labels-ah.tar (20 images) from https://cecas.clemson.edu/~ahoover/stare/probing, unpack
both into one folder, and sort the pictures (10 to train on, 10 to validate):""",
)
add(
    "CHASE_DB1",
    "_1stHO.png",
    """\
Download CHASEDB1.zip (28 images) from https://blogs.kingston.ac.uk/retinal/chasedb1, unpack it, and sort the pictures
(20 to train on, 8 to validate):""",
)
add(
    "HRF",
    ".png",
    """\
Download all.zip (45 images) from https://www5.cs.fau.de/research/data/fundus-images, unpack it, and sort the pictures
(15 to train on, 30 to validate):""",
)
