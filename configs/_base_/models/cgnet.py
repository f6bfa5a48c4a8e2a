"""CGNet (https://arxiv.org/abs/1811.08201): a classifier on its last map."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="CGNet", variant="m3n21", in_channels=3),
    neck=None,
    decode_head=dict(type="FCNHead", num_convs=0, dropout=0.0, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=None,
)
