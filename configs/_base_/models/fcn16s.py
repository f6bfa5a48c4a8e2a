"""FCN-16s (https://arxiv.org/abs/1411.4038) on VGG-16, with the scores of stride 16."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="VGG", variant="16", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="FCN16sHead",
        channels=4096,
        dropout=0.5,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
