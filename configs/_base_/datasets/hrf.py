"""HRF: the vessels of the retina (https://www5.cs.fau.de/research/data/fundus-images), 2 classes.

Root: what `tools/convert_dataset.py hrf` makes of the download.
"""

_base_ = "retina.py"

dataset = "HRF"
data_root = "data/hrf"
crop_size = (256, 256)
image_size = (2336, 3504)  # height, width
