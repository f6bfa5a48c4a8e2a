"""The usual recipe for convolutional networks: SGD 0.01, momentum 0.9, polynomial decay."""

_base_ = "runtime.py"

optimizer = dict(
    type="SGD",
    lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    head_lr_mult=1.0,  # 10.0 on small data sets
    layer_decay=1.0,  # 0.8: layer k of the backbone's L has the rate lr * 0.8^(L - 1 - k)
    decay_norms=True,
    decay_biases=True,
    decay_embeddings=True,  # learned positions and tokens
    rules={},
    fused=None,  # one kernel for all parameters, where PyTorch has it; False: never
)
