"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) on Xception-65 at stride 16, with separable convolutions."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="Xception", variant="65", output_stride=16, in_channels=3),
    neck=None,
    decode_head=dict(
        type="DeepLabV3PlusHead",
        channels=256,
        low_channels=48,
        rates=None,
        separable=True,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
