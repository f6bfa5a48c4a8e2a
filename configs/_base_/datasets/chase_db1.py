"""CHASE_DB1: the vessels of the retina (https://blogs.kingston.ac.uk/retinal/chasedb1)."""

_base_ = "retina.py"

data_root = "data/chase_db1"
crop_size = (128, 128)
image_size = (960, 999)
label_suffix = "_1stHO.png"
