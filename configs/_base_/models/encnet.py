"""EncNet (https://arxiv.org/abs/1803.08904) on ResNet-50 at stride 8, with the SE-loss and an auxiliary loss.

With a JPU: neck=dict(type="JPU"), backbone=dict(output_stride=32), decode_head=dict(kernel=1).
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="S", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="EncNetHead",
        channels=512,
        num_codewords=32,
        kernel=3,
        lateral=False,
        se_loss_weight=0.2,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.2)),
)
