"""SegFormer (https://arxiv.org/abs/2105.15203), B0. From B2 on the head has 768 channels."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="MixTransformer", variant="b0", in_channels=3, drop_path=0.1),
    neck=None,
    decode_head=dict(type="SegFormerHead", channels=256, dropout=0.1, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=None,
)
