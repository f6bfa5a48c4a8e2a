"""SegNet (https://arxiv.org/abs/1511.00561) on VGG-16 with batch norm; the maps before its poolings are used."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="VGG", variant="16-bn", taps="before_pool", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="SegNetHead",
        depths=(2, 2, 3, 3, 3),
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
