"""EoMT's recipe: AdamW with layer decay, the new parts warm up before the backbone, masks end before the run does."""

_base_ = "adamw_poly.py"

optimizer = dict(lr=1e-4, weight_decay=0.05, head_lr_mult=1.0, layer_decay=0.8, decay_norms=True, decay_biases=True)
train = dict(clip_grad=0.01)
hooks = dict(
    lr_schedule=dict(power=0.9, warmup_steps=500, warmup_ratio=0.0, backbone_warmup_steps=1000),
    mask_annealing=dict(type="MaskAnnealing"),
)
