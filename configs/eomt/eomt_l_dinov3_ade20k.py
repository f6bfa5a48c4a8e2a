"""EoMT (https://arxiv.org/abs/2503.19108) with DINOv3's ViT-L on ADE20K.

    tools/train.py configs/eomt/eomt_l_dinov3_ade20k.py  # 16 images per step, 16 epochs

Expected: 59.5 mIoU, single scale (https://github.com/tue-mps/eomt, model_zoo). The rates are
those that its code trains with: the factor of 0.1 for the first blocks, which its config names, has no effect there.
"""

_base_ = "eomt_b_dinov3_ade20k.py"

model = dict(backbone=dict(name="vit_large_patch16_dinov3.lvd1689m"), decode_head=dict(num_blocks=4))
optimizer = dict(lr=2e-4, layer_decay=1.0)
train = dict(max_steps=20192)
hooks = dict(
    lr_schedule=dict(warmup_steps=2000, backbone_warmup_steps=3000),
    mask_annealing=dict(starts=(0.0, 0.323, 0.484, 0.646), ends=(0.149, 0.484, 0.646, 0.807)),
)
