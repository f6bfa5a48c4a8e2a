"""APCNet (https://openaccess.thecvf.com/content_CVPR_2019/html/He_Adaptive_Pyramid_Context_Network_for_Semantic_Segmentation_CVPR_2019_paper.html)
on ResNet-50 at stride 8 with an auxiliary loss, as MMSegmentation has it."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="APCHead",
        channels=512,
        pool_scales=(1, 2, 3, 6),
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
