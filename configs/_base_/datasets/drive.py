"""DRIVE: the vessels of the retina (https://drive.grand-challenge.org), 2 classes.

Root: what `tools/convert_dataset.py drive` makes of the download.
"""

_base_ = "retina.py"

dataset = "DRIVE"
data_root = "data/drive"
crop_size = (64, 64)
image_size = (584, 565)  # height, width
