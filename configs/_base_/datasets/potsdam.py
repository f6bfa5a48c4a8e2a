"""ISPRS Potsdam, a city from the air, 6 classes.

Root: the windows that `tools/convert_dataset.py potsdam` cuts the pictures into.
"""

_base_ = "isprs.py"

dataset = "Potsdam"
data_root = "data/potsdam"
