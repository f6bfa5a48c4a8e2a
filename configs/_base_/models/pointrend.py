"""PointRend (https://arxiv.org/abs/1912.08193) on semantic FPN with ResNet-50, as MMSegmentation has it."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=32, in_channels=3),
    neck=dict(type="FPN", channels=256, levels=None),
    decode_head=dict(
        type="PointRendHead",
        channels=128,
        point_channels=256,
        num_layers=3,
        norm="BN",
        always_double=True,
        subdivisions=2,
        subdivision_points=8196,
        train_points=2048,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
