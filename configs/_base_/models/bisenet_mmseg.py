"""BiSeNet (https://arxiv.org/abs/1808.00897) on ResNet-18, as mmsegmentation has it. All losses are the head's."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="18", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="BiSeNetHead",
        channels=128,
        context_loss_weight=1.0,
        nearest=True,
        gate_norm=True,
        head_channels=256,
        context_head_channels=64,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
