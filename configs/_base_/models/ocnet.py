"""OCNet (https://arxiv.org/abs/1809.00916) on ResNet-101 at stride 8. `context="asp"` is the pyramid form."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="101", stem="S", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(type="OCNetHead", context="base", channels=512, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
