"""MMSegmentation's DeepLabV3: 512 channels, and one 3x3 convolution in place of the 1x1 and 3x3 behind the pyramid."""

_base_ = ["deeplabv3.py"]

model = dict(decode_head=dict(channels=512, mix_kernel=3, refine=False, pyramid_dropout=0.0))
