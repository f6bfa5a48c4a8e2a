"""The text of the config: it loads, builds and takes a step, and says what the data and the plan ask for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segbox.config import load_config
from segbox.doctor.inspect_folder import inspect_folder
from segbox.engine.build import build_runner
from segbox.engine.config_check import check_config
from segbox.starter.config_text import Parts, config_text
from segbox.starter.fingerprint import fingerprint
from segbox.starter.first_config import bases_of
from segbox.starter.plan import Plan
from segbox.starter.recipes import RECIPES, recipes_for
from segbox.starter.setup import Measured, Setup
from segbox.starter.start import Start
from tests.faulty_data import blocky_label, deep_image, smooth_image, write_image
from tests.tiff_files import write_tiff

IMAGENET = Start("imagenet", "torchvision://x (BSD)")
TINY = ["model.backbone.variant=test", "model.backbone_weights=None", "data.workers=0"]


def write_set(root, size=(64, 80), channels=3, bits=8, classes=3):
    for split in ("train", "val"):
        for i in range(2):
            label = blocky_label(*size, num_classes=classes)
            label[:, 30:32] = classes - 1
            write_image(root / f"masks/{split}/{i}.png", label)
            (root / f"images/{split}").mkdir(parents=True, exist_ok=True)
            if bits == 8 and channels == 3:
                write_image(root / f"images/{split}/{i}.png", smooth_image(*size, seed=i + len(split)))
            else:
                write_tiff(root / f"images/{split}/{i}.tif", deep_image(*size, channels, seed=i + len(split)))
    return root


def plan_of(recipe=RECIPES[1], scale=1.0, steps=1000, evaluations=5, **changes):
    setup = Setup(recipe, (64, 64), 4, scale, **changes)
    return Plan(Measured(setup, 1.0, 2.0, 3.0), steps, evaluations, 1100.0, is_limited=True)


def parts_of(root, start=IMAGENET, **changes):
    folder = inspect_folder(str(root))
    return Parts(folder, fingerprint(folder), folder.splits, start, **changes)


def loaded(tmp_path, parts, plan, overrides=()):
    path = tmp_path / "c.py"
    bases = [f"segbox::_base_/{base}" for base in bases_of(plan.setup.recipe)]
    path.write_text(config_text(parts, bases, plan, "    segbox train c.py\n\nWhy: as it is."), encoding="utf-8")
    return load_config(path, overrides)


@pytest.mark.parametrize("recipe", [*RECIPES, *recipes_for("speed", "pspnet_r50")], ids=lambda recipe: recipe.model)
def test_every_model_takes_a_step(tmp_path, recipe):
    parts = parts_of(write_set(tmp_path / "set"))
    config = loaded(tmp_path, parts, plan_of(recipe), TINY)
    runner = build_runner(config, tmp_path, torch.device("cpu"))
    runner.call("before_train")
    losses = runner.train_step(iter(runner.train_batches(0)))
    assert all(torch.isfinite(loss) for loss in losses.values()) and runner.max_steps == 1000


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.model)
def test_every_setting_is_understood(tmp_path, recipe):
    parts = parts_of(write_set(tmp_path / "set"), flips=True)
    config = loaded(tmp_path, parts, plan_of(recipe, scale=1.5, amp="bf16", channels_last=False))
    check_config(config, "model", "data", "optimizer", "train")
    assert (config.train.precision, config.train.channels_last) == ("bf16", False)
    assert config.optimizer.type == "AdamW" and config.optimizer.lr == recipe.rate(4)
    assert config.test.to_dict() == {**config.test, "scales": (1.5,), "flip": True, "divisor": recipe.stride}
    assert config.data.train.pipeline[0].ratio_range == (1.12, 2.25)
    assert (config.hooks.evaluate.interval, config.hooks.checkpoint.interval) == (200, 200)
    assert config.hooks.ema.momentum == pytest.approx(0.995) and config.hooks.lr_schedule.warmup_steps == 50


def test_of_five_channels_of_16_bits(tmp_path):
    parts = parts_of(write_set(tmp_path / "set", channels=5, bits=16))
    config = loaded(tmp_path, parts, plan_of())
    assert config.model.backbone.in_channels == len(config.model.mean) == 5 and config.data.train.bits == 16
    assert config.model.freeze_stages == 0 if "freeze_stages" in config.model else True
    assert "PhotoMetricDistortion" not in str(config.data)


def test_two_classes_and_imbalance(tmp_path):
    parts = parts_of(write_set(tmp_path / "set", classes=2))
    config = loaded(tmp_path, parts, plan_of())
    assert "cat_max_ratio" not in config.data.train.pipeline[1] and "class_weight" not in config.model.decode_head.loss
    rare = replace(parts, facts=replace(parts.facts, fractions=(0.99, 0.01)))
    assert loaded(tmp_path, rare, plan_of()).model.decode_head.loss.class_weight == "sqrt"
    assert loaded(tmp_path, rare, plan_of()).model.decode_head.loss.logit_adjustment == 0.5


def test_images_of_many_sizes_vary_more_and_large_ones_are_windows(tmp_path):
    parts = parts_of(write_set(tmp_path / "set"))
    facts = replace(parts.facts, has_one_size=False, largest=(3000, 3000))
    config = loaded(tmp_path, replace(parts, facts=facts), plan_of())
    assert config.data.train.pipeline[0].ratio_range == (0.5, 2.0)
    assert (config.test.mode, config.test.window, config.test.stride) == ("slide", (64, 64), (42, 42))


@pytest.mark.parametrize(
    ("start", "device", "frozen", "mean"),
    [
        (Start("imagenet"), "cpu", 2, None),
        (Start("imagenet"), "cuda", None, None),
        (Start("/w.pth"), "cpu", None, None),
        (Start("/w.pth", mean=[127.5], std=[127.5]), "cpu", 2, 127.5),
        (Start(None), "cpu", None, None),
    ],
)
def test_first_stages_rest_where_their_weights_fit_the_images(tmp_path, start, device, frozen, mean):
    model = loaded(tmp_path, parts_of(write_set(tmp_path / "set"), start, device_type=device), plan_of()).model
    assert model.get("freeze_stages") == frozen and model.get("mean") == mean
    assert model.get("backbone_weights") == start.word


def test_short_runs_average_few_weights(tmp_path):
    parts = parts_of(write_set(tmp_path / "set"))
    momenta = [loaded(tmp_path, parts, plan_of(steps=n, evaluations=1)).hooks.ema.momentum for n in (20, 2500, 100_000)]
    assert momenta == [0.9, 0.998, 0.999]
    assert np.all(np.diff(momenta) > 0)
