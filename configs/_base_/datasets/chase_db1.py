"""CHASE_DB1: the vessels of the retina (https://blogs.kingston.ac.uk/retinal/chasedb1), 2 classes.

Root: what `tools/convert_dataset.py chase_db1` makes of the download.
"""

_base_ = "retina.py"

dataset = "CHASE_DB1"
data_root = "data/chase_db1"
crop_size = (128, 128)
image_size = (960, 999)  # height, width
