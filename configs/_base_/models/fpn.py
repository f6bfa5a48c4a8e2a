"""Semantic FPN (https://arxiv.org/abs/1901.02446) on ResNet-50 and a feature pyramid, as MMSegmentation has it.

The paper has group norms (norm="GN"), and its last doubling goes straight to the finest map.
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="plain", output_stride=32, in_channels=3),
    neck=dict(type="FPN", channels=256, levels=None),
    decode_head=dict(
        type="FPNHead",
        channels=128,
        norm="BN",
        always_double=True,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
