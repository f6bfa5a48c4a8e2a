"""SegNeXt (https://arxiv.org/abs/2209.08575) on MSCAN-T."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="MSCAN", variant="t", drop_path=0.1, in_channels=3),
    neck=None,
    decode_head=dict(
        type="LightHamHead",
        channels=256,
        ham_channels=256,
        rank=16,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
test = dict(divisor=32)
