"""ISPRS Vaihingen, a village from the air (near infrared, red, green), 6 classes.

Root: the windows that `tools/convert_dataset.py vaihingen` cuts the pictures into.
"""

_base_ = "isprs.py"

dataset = "Vaihingen"
data_root = "data/vaihingen"
