"""DRIVE, STARE, CHASE_DB1 and HRF: the vessels of the retina in photographs of it."""

from functools import partial

import numpy as np

from segbox.data.datasets import converted
from segbox.data.datasets.pairs import SAME_IDS

CLASSES = ("background", "vessel")

register = partial(
    converted.register,
    folders={
        "train": ("images/training", "annotations/training"),
        "val": ("images/validation", "annotations/validation"),
    },
    classes=CLASSES,
    palette=((120, 120, 120), (6, 230, 230)),
    label_table=np.r_[SAME_IDS[:255], 1].astype(np.uint8),  # masks hold 0 and 1, or 0 and 255
)
register(
    "DRIVE",
    label_suffix="_manual1.png",
    download="""\
Join https://drive.grand-challenge.org, download training.zip and test.zip (20 images each), unpack both into one
folder, and sort the pictures:""",
)
register(
    "STARE",
    label_suffix=".ah.png",
    download="""\
Download stare-images.tar and labels-ah.tar (20 images) from https://cecas.clemson.edu/~ahoover/stare/probing, unpack
both into one folder, and sort the pictures (10 to train on, 10 to validate):""",
)
register(
    "CHASE_DB1",
    label_suffix="_1stHO.png",
    download="""\
Download CHASEDB1.zip (28 images) from https://blogs.kingston.ac.uk/retinal/chasedb1, unpack it, and sort the pictures
(20 to train on, 8 to validate):""",
)
register(
    "HRF",
    label_suffix=".png",
    download="""\
Download all.zip (45 images) from https://www5.cs.fau.de/research/data/fundus-images, unpack it, and sort the pictures
(15 to train on, 30 to validate):""",
)
