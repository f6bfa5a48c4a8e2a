"""LR-ASPP (https://arxiv.org/abs/1905.02244) on MobileNetV3-Large at stride 16."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="MobileNetV3", variant="large", output_stride=16, taps="first", in_channels=3),
    neck=None,
    decode_head=dict(type="LRASPPHead", channels=128, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=None,
)
