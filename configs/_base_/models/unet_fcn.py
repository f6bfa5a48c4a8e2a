"""mmsegmentation's U-Net: bilinear upsampling, a 3x3 before the classifier, an auxiliary loss on the second map."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="UNet", variant="64", maps=2, in_channels=3),
    neck=None,
    decode_head=dict(
        type="FCNHead",
        level=0,
        channels=64,
        num_convs=1,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=1, channels=64, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
