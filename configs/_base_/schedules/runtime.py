"""Defaults of every run: logging, evaluation, checkpoints, and all settings that --cfg-options may change."""

seed = 0
imports = []
train = dict(
    max_steps=None,
    max_epochs=None,
    gradient_accumulation_steps=1,
    clip_grad=None,
    precision="auto",  # "fp32", "bf16", "fp16"; auto: bf16 where the GPU or CPU computes with it, else fp32
    channels_last="auto",  # the memory format of images and weights; auto: the faster one
    tf32=True,  # False: GPUs compute fp32 with all its bits, several times slower
    cudnn_benchmark=True,  # cuDNN measures its algorithms first; not where deterministic=True
    compile=False,
    sync_batch_norm=None,  # None: on several GPUs
    on_nan="stop",  # "skip": skip the step, up to max_skips in a row
    max_skips=10,
    deterministic=False,  # True: the same bits in each run on a GPU, but slower
    shard=False,  # True: each process keeps a part of weights, gradients and optimizer state (FSDP2)
)
test = dict(
    mode="whole",  # "slide": overlapping windows; "crop": a centre crop, after resizing the short side to it
    window=(512, 512),
    stride=None,  # None: two thirds of the window
    scales=(1.0,),
    base_size=None,  # with several scales: the longer side at scale 1; None: unchanged
    flip=False,
    divisor=1,  # 16, 32: pad images to multiples of it; for models trained on crops of such multiples
)
metric = dict(
    absent=None,  # 0: classes that do not occur count as zero
    ignore_background=False,  # True: class 0 is left out of the means
    extra=(),  # slower metrics: "mBIoU", "imageIoU", "ECE"; hooks.evaluate.best may be one of them
)
hooks = dict(
    lr_schedule=dict(type="PolyLR", power=0.9, min_lr=0.0, warmup_steps=0),
    ema=None,
    log=dict(type="Log", interval=50, tensorboard=False),
    evaluate=dict(type="Evaluate", interval=4000, best="mIoU"),
    checkpoint=dict(type="Checkpoint", interval=4000, keep=2),
    early_stopping=None,  # dict(type="EarlyStopping", patience=5): end after 5 evaluations without a higher mIoU
    tensorboard=None,  # dict(type="TensorBoard")
    wandb=None,  # dict(type="WandB", project="segbox")
    mlflow=None,  # dict(type="MLflow", experiment="segbox")
)
