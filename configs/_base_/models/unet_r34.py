"""U-Net (https://arxiv.org/abs/1505.04597) on ResNet-34, with residual blocks in the decoder."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="34", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="UNetHead",
        se=False,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
