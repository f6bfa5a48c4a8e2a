"""LR-ASPP (https://arxiv.org/abs/1905.02244) with a decoder, on MobileNetV3-Large at stride 8 (mmsegmentation)."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="MobileNetV3", variant="large", output_stride=8, same_padding=True, in_channels=3),
    neck=None,
    decode_head=dict(
        type="LRASPPDecoderHead",
        channels=128,
        skip_channels=(32, 64),
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
