"""DRIVE: the vessels of the retina (https://drive.grand-challenge.org)."""

_base_ = "retina.py"

data_root = "data/drive"
crop_size = (64, 64)
image_size = (584, 565)
label_suffix = "_manual1.png"
