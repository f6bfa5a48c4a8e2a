"""MMSegmentation's FCN: two 3x3 convolutions, and one more that mixes their output with the map itself."""

_base_ = ["fcn_r50.py"]

model = dict(decode_head=dict(channels=512, num_convs=2, concat_input=True))
