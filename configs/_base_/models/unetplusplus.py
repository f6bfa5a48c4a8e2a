"""U-Net++ (https://arxiv.org/abs/1807.10165) with its own encoder and deep supervision; batch norm is added."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="UNetEncoder", variant="32", in_channels=3, norm=True, bias=False),
    neck=None,
    decode_head=dict(
        type="UNetPlusPlusHead",
        channels=(32, 64, 128, 256),
        deep_supervision=True,
        norm=True,
        bias=False,
        transposed=True,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
