"""From a config to a run: every mistake is met at the door, with its place in the config."""

import pytest
import torch

from segbox.config import load_config
from segbox.engine.build import build_runner, images_per_process
from segbox.errors import ConfigError
from tests.runs import tiny_runner, write_config

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "train = dict(max_stpes=3)",
            "train.max_stpes: TrainSettings takes no argument 'max_stpes'. Did you mean \"max_steps\"",
        ),
        ("train = dict(max_steps='4k')", "train.max_steps: expected a whole number or None, got '4k'"),
        ("train = dict(max_epochs=2)", "train: give either max_steps or max_epochs"),
        ("train = dict(max_steps=0)", "train: max_steps=0"),
        ("train = dict(precision='half')", "train: precision='half': one of 'auto', 'fp32', 'bf16', 'fp16'"),
        ("train = dict(clip_grad=0)", "train: clip_grad=0: expected a maximum norm above 0"),
        (
            "train = dict(gradient_accumulation_steps=3)",
            "data.batch_size=4 is the images of a step over all processes; it must be a mult",
        ),
        (
            "train = dict(gradient_accumulation_steps=0)",
            "train: gradient_accumulation_steps=0: expected a number of batches, 1 or more",
        ),
        ("data = dict(batch_size=0)", "data: batch_size=0: expected 1 to 1000000 images"),
        ("data = dict(val_batch_size=10**12)", "data: val_batch_size=1000000000000: expected 1 to 1000000 images"),
        ("data = dict(workers=-1)", "data: workers=-1: expected a number of processes, 0 or more"),
        ("train = dict(on_nan='go')", 'train: on_nan=\'go\': "stop", or "skip"'),
        ("train = dict(max_skips=0)", "train: max_skips=0: expected a number of steps, 1 or more"),
        ("train = dict(shard=2)", "train.shard: expected True or False, got 2"),
        ("train = dict(compile='false')", "train.compile: expected True or False, got 'false'"),
        ("data = dict(worker=2)", "data.worker: DataSettings takes no argument 'worker'. Did you mean \"workers\""),
        ("data = dict(train=None)", "data.train: the config has no training set"),
        ("data = dict(train=dict(num_image=2))", "data.train.num_image: ShapesDataset takes no argument"),
        ("data = dict(val=dict(size=(3, 3)))", "data.val: num_images=3, size=(3, 3): expected"),
        (
            "data = dict(val=dict(type='ShapeDataset'))",
            "data.val: there is no data set 'ShapeDataset'. Did you mean \"ShapesD",
        ),
        ("data = dict(train=dict(pipeline=[dict(type='RandomFlp')]))", "data.train.pipeline.0: there is no transform"),
        (
            "data = dict(val=dict(pipeline=[dict(type='RandomFlip')]))",
            "data.val.pipeline.0: RandomFlip moves the image",
        ),
        ("test = dict(scale=(1.0,))", "test.scale: build_inference takes no argument 'scale'. Did you mean \"scales\""),
        (
            "metric = dict(absnet=0)",
            "metric.absnet: MetricSet takes no argument 'absnet'. Did you mean \"absent\"",
        ),
        ("hooks = dict(ema=dict(momentum=0.9, decay=1))", "hooks.ema.decay: EMA takes no argument 'decay'"),
        ("hooks = dict(mine=dict(interval=3))", "hooks.mine: has no `type`. A hook is one of: "),
        ("hooks = dict(ema=dict(type='Ema'))", "hooks.ema: there is no hook 'Ema'. Did you mean \"EMA\""),
        (
            "optimizer = dict(decay_norm=False)",
            "optimizer.decay_norm: SGD takes no argument 'decay_norm'. Did you mean \"decay_norms\"",
        ),
        (
            "optimizer = dict(rules={'backbone.*': dict(lr=1)})",
            "optimizer.rules.backbone.*.lr: Rule takes no argument 'lr'. It takes: lr_mult, weight_decay",
        ),
        ("model = dict(decode_head=dict(dropuot=0.1))", "model.decode_head.dropuot: FCNHead takes no argument"),
        (
            "model = dict(decode_head=dict(in_channels=3))",
            "model.decode_head.in_channels: is inferred",
        ),
        ("model = dict(num_classes=5)", "model.num_classes: 5, but the data set has 7 classes; leave it out"),
        ("model = dict(backbone=dict(variant='19'))", "model.backbone: there is no ResNet '19'"),
        ("seed = None", "seed: expected a whole number, got None"),
        ("seed = -1", "seed: expected a number of 0 or more"),
        (
            "hooks = dict(lr_schedule=dict(type=['PolyLR']))",
            "hooks.lr_schedule: there is no hook ['PolyLR']. Did you mean",
        ),
        ("data = dict(train=dict(size=3))", "data.train.size: expected 2 whole numbers, got 3"),
        ("imports = ['no.such.thing']", "imports: there is no module 'no.such.thing'"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, text, message):
    write_config(tmp_path)
    with pytest.raises(ConfigError) as caught:
        build_runner(load_config(write_config(tmp_path, text, "child.py")), tmp_path, CPU)
    assert message in str(caught.value)


def test_a_missing_section(tmp_path):
    config = load_config(write_config(tmp_path))
    del config["optimizer"]
    with pytest.raises(ConfigError, match="the config has no section 'optimizer'"):
        build_runner(config, tmp_path, CPU)


def test_a_run_without_validation(tmp_path):
    runner = tiny_runner(tmp_path, ["data.val=None", "train.max_steps=1"])
    with pytest.raises(ConfigError, match=r"hooks\.evaluate: the config has no data\.val"):
        runner.train()
    runner = tiny_runner(tmp_path, ["data.val=None", "hooks.evaluate=None", "train.max_steps=1"])
    runner.train()
    assert runner.step == 1


def test_the_same_seed_makes_the_same_model(tmp_path):
    first, again, other = (tiny_runner(tmp_path / str(i), [f"seed={s}"]) for i, s in enumerate((3, 3, 4)))
    weights = [next(runner.model.parameters()) for runner in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_epochs(tmp_path):
    assert tiny_runner(tmp_path, ["train.max_steps=None", "train.max_epochs=4"]).max_steps == 6  # of 4 of 6 images


def test_hooks_run_in_the_order_of_the_config_without_those_taken_out(tmp_path):
    assert list(tiny_runner(tmp_path, ["hooks.ema=None"]).hooks) == ["lr_schedule", "log", "evaluate", "checkpoint"]


def test_images_per_process():
    assert images_per_process(16, 2) == 8
    with pytest.raises(ConfigError, match=r"data\.batch_size=4 is the images of a step"):
        images_per_process(4, 3)
