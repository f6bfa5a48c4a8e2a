"""LinkNet (https://arxiv.org/abs/1707.03718) on ResNet-18."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="18", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="LinkNetHead",
        channels=32,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
