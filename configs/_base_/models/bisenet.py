"""BiSeNet (https://arxiv.org/abs/1808.00897) on ResNet-18. Its auxiliary losses are part of the head."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="18", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="BiSeNetHead",
        channels=128,
        context_loss_weight=1.0,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
