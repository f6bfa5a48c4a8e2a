"""K-Net (https://arxiv.org/abs/2106.14855) over the FCN head of MMSegmentation on ResNet-50."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="KNetHead",
        generator=dict(type="FCNHead", channels=512, num_convs=2, concat_input=True, dropout=0.1),
        num_stages=3,
        hidden=2048,
        num_heads=8,
        group_channels=256,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, channels=256, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
