"""What every run has: how it reports, evaluates and saves; every setting that the command line may change."""

seed = 0
imports = []
train = dict(
    max_steps=None,
    max_epochs=None,
    gradient_accumulation_steps=1,
    clip_grad=None,
    amp=None,  # "bf16" or "fp16"
    channels_last=True,
    compile=False,
    sync_batch_norm=None,  # None: on several GPUs
    on_nan="stop",  # "skip": leave the step out, up to max_skips in a row
    max_skips=10,
    deterministic=False,  # True: GPUs repeat themselves to the last bit, and are slower
    shard=False,  # True: each process keeps a part of the weights, gradients and optimizer's state (FSDP2)
)
test = dict(
    mode="whole",  # "slide": windows that overlap; "crop": a centre crop of the image whose short side fits it
    window=(512, 512),
    stride=None,  # None: two thirds of the window
    scales=(1.0,),
    base_size=None,  # with several scales: the longer side of the image at scale 1; None: as it comes
    flip=False,
    divisor=1,  # 16, 32: fills images up to whole cells of the model's coarsest map; for crops that are multiples, too
)
metric = dict(
    absent=None,  # 0: classes that do not occur count as zero
    ignore_background=False,  # True: class 0 is left out of the means
    extra=(),  # scores that cost time: "mBIoU", "imageIoU", "ECE"; hooks.evaluate.best may be one of them
)
hooks = dict(
    lr_schedule=dict(type="PolyLR", power=0.9, min_lr=0.0, warmup_steps=0),
    ema=None,
    log=dict(type="Log", interval=50, tensorboard=False),
    evaluate=dict(type="Evaluate", interval=4000, best="mIoU"),
    checkpoint=dict(type="Checkpoint", interval=4000, keep=2),
)
