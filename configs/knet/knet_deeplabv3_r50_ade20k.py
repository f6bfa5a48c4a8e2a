"""K-Net (https://arxiv.org/abs/2106.14855) over DeepLabV3's head with ResNet-50 on ADE20K.

    tools/train.py configs/knet/knet_deeplabv3_r50_ade20k.py  # 16 images per step, 80000 steps

Expected: 45.06 mIoU (MMSegmentation's model zoo, 512x512, 80k steps, single scale).
"""

_base_ = "knet_r50_ade20k.py"

model = dict(
    decode_head=dict(
        generator=dict(
            _delete_=True,
            type="DeepLabV3Head",
            channels=512,
            rates=(12, 24, 36),
            dropout=0.1,
            pyramid_dropout=0.0,
            mix_kernel=3,
            refine=False,
        )
    )
)
