"""DNLNet (https://arxiv.org/abs/2006.06668) on ResNet-50 at stride 8, with one block, in the head."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="DNLHead",
        channels=512,
        reduction=2,
        temperature=0.05,
        use_scale=True,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
