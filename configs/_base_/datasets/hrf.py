"""HRF: the vessels of the retina (https://www5.cs.fau.de/research/data/fundus-images)."""

_base_ = "retina.py"

data_root = "data/hrf"
crop_size = (256, 256)
image_size = (2336, 3504)
label_suffix = ".png"
