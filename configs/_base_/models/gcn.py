"""Global Convolutional Network (https://arxiv.org/abs/1703.02719) on ResNet-152, with its largest kernel."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="152", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="GCNHead",
        kernel=15,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
