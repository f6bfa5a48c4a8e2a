"""BiSeNetV2 (https://arxiv.org/abs/2004.02147): a head on the joined map, one on each semantic map."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="BiSeNetV2", variant="1.0", semantic_maps=True, in_channels=3),
    neck=None,
    decode_head=dict(type="FCNHead", level=2, channels=1024, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=[
        dict(type="FCNHead", level=0, channels=16, num_convs=2, loss=dict(type="CrossEntropyLoss")),
        dict(type="FCNHead", level=1, channels=64, num_convs=2, loss=dict(type="CrossEntropyLoss")),
        dict(type="FCNHead", level=3, channels=256, num_convs=2, loss=dict(type="CrossEntropyLoss")),
        dict(type="FCNHead", level=4, channels=1024, num_convs=2, loss=dict(type="CrossEntropyLoss")),
    ],
)
