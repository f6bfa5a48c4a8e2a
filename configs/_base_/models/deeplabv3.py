"""DeepLabV3 (https://arxiv.org/abs/1706.05587) on ResNet-50 at stride 8, with the auxiliary loss of its successors.

The paper's own backbone is ResNet-101, trained at stride 16; the rates follow the stride (`rates=None`).
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="DeepLabV3Head",
        channels=256,
        rates=None,
        dropout=0.1,
        pyramid_dropout=0.5,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
