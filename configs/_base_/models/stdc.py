"""STDC1 (https://arxiv.org/abs/2104.13188), as mmsegmentation has it. All losses are the head's."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="STDCNet", variant="1", in_channels=3),
    neck=None,
    decode_head=dict(
        type="STDCHead",
        channels=128,
        context_loss_weight=1.0,
        detail_loss_weight=1.0,
        dropout=0.1,
        loss=dict(type="OHEMThresholdCrossEntropyLoss", threshold=0.7, min_kept=10000),
    ),
    auxiliary_head=None,
    align_corners=True,
)
