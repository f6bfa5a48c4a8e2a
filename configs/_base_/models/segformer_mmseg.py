"""MMSegmentation's SegFormer: a head of 256 channels for every backbone, with a norm behind each projection."""

_base_ = ["segformer.py"]

model = dict(backbone=dict(embed_eps=1e-6), decode_head=dict(channels=256, project_norm=True))
