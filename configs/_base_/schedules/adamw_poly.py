"""The usual recipe for transformers: AdamW, no decay on norms and biases, warm-up, linear decay."""

_base_ = "runtime.py"

optimizer = dict(
    type="AdamW",
    lr=6e-5,
    weight_decay=0.01,
    head_lr_mult=10.0,
    layer_decay=1.0,  # 0.8: layer k of the backbone's L has the rate lr * 0.8^(L - 1 - k)
    decay_norms=False,
    decay_biases=False,
    decay_embeddings=True,  # learned positions and tokens
    rules={},
    fused=None,  # one kernel for all parameters, where PyTorch has it; False: never
)
hooks = dict(lr_schedule=dict(type="PolyLR", power=1.0, warmup_steps=1500, warmup_ratio=1e-6))
