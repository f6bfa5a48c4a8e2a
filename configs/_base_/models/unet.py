"""U-Net (https://arxiv.org/abs/1505.04597) with its own encoder, padded convolutions and batch norm.

The paper has biases and no norms: norm=False and bias=True in both the backbone and the head.
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="UNetEncoder", variant="64", in_channels=3, norm=True, bias=False),
    neck=None,
    decode_head=dict(
        type="PlainUNetHead",
        norm=True,
        bias=False,
        transposed=True,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
