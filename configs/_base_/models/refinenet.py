"""RefineNet (https://arxiv.org/abs/1611.06612), four-cascaded, on ResNet-101."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="101", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="RefineNetHead",
        channels=256,
        deepest_channels=512,
        num_pools=4,
        dropout=0.5,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
