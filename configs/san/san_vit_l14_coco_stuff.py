"""SAN (https://arxiv.org/abs/2302.12242) with CLIP's ViT-L/14 on COCO-Stuff.

    tools/train.py configs/san/san_vit_l14_coco_stuff.py  # 32 images per step, 60000 steps

Expected: 45.78 mIoU (MMSegmentation's model zoo, 640x640, 60k steps, single scale). That is with CLIP's embeddings of
the names of the classes; here they are learned, which nobody has measured. See docs/interop.md#san.
"""

_base_ = "san_vit_b16_coco_stuff.py"

model = dict(
    backbone=dict(variant="large", image_size=336, patch=14, image_scale=0.7),
    backbone_weights="timm://vit_large_patch14_clip_336.openai",
    decode_head=dict(fused_blocks=(0, 6, 12, 18), class_channels=768),
)
