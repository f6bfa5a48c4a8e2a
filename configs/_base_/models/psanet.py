"""PSANet (https://openaccess.thecvf.com/content_ECCV_2018/html/Hengshuang_Zhao_PSANet_Point-wise_Spatial_ECCV_2018_paper.html)
on ResNet-50 at stride 8 with an auxiliary loss, as MMSegmentation has it."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="PSAHead",
        channels=512,
        mask_size=(97, 97),  # a crop of 769 x 769 at stride 8
        directions=("collect", "distribute"),
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
