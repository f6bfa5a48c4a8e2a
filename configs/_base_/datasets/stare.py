"""STARE: the vessels of the retina (https://cecas.clemson.edu/~ahoover/stare)."""

_base_ = "retina.py"

data_root = "data/stare"
crop_size = (128, 128)
image_size = (605, 700)
label_suffix = ".ah.png"
