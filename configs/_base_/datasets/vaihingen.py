"""ISPRS Vaihingen, a village from the air (near infrared, red, green), 6 classes.

Source: https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-vaihingen.aspx
"""

_base_ = "isprs.py"

data_root = "data/vaihingen"
