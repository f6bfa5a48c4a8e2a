"""HRNet (https://arxiv.org/abs/1908.07919) of width 18: all maps concatenated, 1x1, and the classifier."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="HRNet", variant="18", concat=True, by_factor=True, in_channels=3),
    neck=None,
    decode_head=dict(
        type="FCNHead",
        kernel=1,
        channels=270,  # of the concatenated maps: 15 times the width
        num_convs=1,
        dropout=0.0,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
