"""The recipe of Mask2Former: a tenth of the learning rate for the backbone, short steps, a long decay."""

_base_ = "adamw_poly.py"

optimizer = dict(
    lr=1e-5,  # of the backbone
    weight_decay=0.05,
    decay_norms=False,
    decay_biases=True,
    rules={
        "decode_head.quer*": dict(weight_decay=0.0),
        "decode_head.level_embedding": dict(weight_decay=0.0),
    },
)
train = dict(clip_grad=0.01)
hooks = dict(lr_schedule=dict(_delete_=True, type="PolyLR", power=0.9))
