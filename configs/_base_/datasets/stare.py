"""STARE: the vessels of the retina (https://cecas.clemson.edu/~ahoover/stare), 2 classes.

Root: what `tools/convert_dataset.py stare` makes of the download.
"""

_base_ = "retina.py"

dataset = "STARE"
data_root = "data/stare"
crop_size = (128, 128)
image_size = (605, 700)  # height, width
