"""PSANet (https://openaccess.thecvf.com/content_ECCV_2018/html/Hengshuang_Zhao_PSANet_Point-wise_Spatial_ECCV_2018_paper.html)
with ResNet-50 on ADE20K.

    tools/train.py configs/psanet/psanet_r50_ade20k.py  # 16 images per step, 160000 steps

Expected: 41.67 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/psanet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k", decode_head=dict(mask_size=(66, 66)))
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
