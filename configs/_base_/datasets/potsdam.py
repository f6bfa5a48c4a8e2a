"""ISPRS Potsdam, a city from the air, 6 classes.

Source: https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-potsdam.aspx
"""

_base_ = "isprs.py"

data_root = "data/potsdam"
