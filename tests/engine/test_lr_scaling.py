"""The rate and the batch that belong together, before and behind the command line."""

import pytest

from segbox.config import load_with_origins
from segbox.engine.lr_scaling import BaseRate, describe_batch, scale_rate, warn_of_rate
from segbox.errors import ConfigError
from tests.runs import write_config


def read(path, *overrides):
    return *load_with_origins(path, overrides), BaseRate.of_file(path)


def test_the_recipe_is_what_the_file_says(tmp_path):
    write_config(tmp_path)
    child = write_config(tmp_path, "images = 12\nrate = 0.03\ndata = dict(batch_size='${images}')\n", "child.py")
    child.write_text(child.read_text() + "optimizer = dict(lr='${rate}')\n")
    config, origins, base = read(child, "images=3")
    assert base == BaseRate(12, 0.03) and BaseRate.of_run(config) == BaseRate(3, 0.03)
    assert scale_rate(config, origins, base) == "lr 0.03 -> 0.0075: 3 images a step where the config file has 12"


def test_a_file_that_says_no_batch_has_the_usual_one(tmp_path):
    (tmp_path / "a.py").write_text("data = dict(type='any')\noptimizer = dict(type='SGD', lr=0.01)\n")
    config, origins, base = read(tmp_path / "a.py", "data.batch_size=32")
    assert base.batch_size == 16
    assert scale_rate(config, origins, base).startswith("lr 0.01 -> 0.02")


def test_a_reference_that_only_the_command_line_mends_elsewhere(tmp_path):
    write_config(tmp_path)
    child = write_config(tmp_path, "data = dict(train=dict(num_images='${gone}'))\n", "child.py")
    assert read(child, "data.train.num_images=3")[2] == BaseRate(4, 0.02)


def test_rate_and_floor_follow_the_batch(tmp_path):
    write_config(tmp_path)
    child = write_config(tmp_path, "hooks = dict(lr_schedule=dict(min_lr=1e-4))\n", "child.py")
    config, origins, base = read(child, "data.batch_size=2")
    told = scale_rate(config, origins, base)
    assert told == "lr 0.02 -> 0.01 (min_lr 0.0001 -> 5e-05): 2 images a step where the config file has 4"
    assert (config.optimizer.lr, config.hooks.lr_schedule.min_lr) == (0.01, 5e-5)
    config, origins, base = read(child, "data.batch_size=2", "hooks.lr_schedule.min_lr=0.001")
    assert "min_lr" not in scale_rate(config, origins, base) and config.hooks.lr_schedule.min_lr == 0.001


def test_nothing_to_scale(tmp_path):
    config, origins, base = read(write_config(tmp_path), "train.gradient_accumulation_steps=2")
    assert scale_rate(config, origins, base) == "lr stays 0.02: 4 images a step, as in the config file"
    assert warn_of_rate(config, origins, base) == "" and config.optimizer.lr == 0.02


@pytest.mark.parametrize("given", ["optimizer.lr=0.05", "optimizer.lr=0.02"])
def test_a_rate_of_the_command_line_is_its_own_answer(tmp_path, given):
    config, origins, base = read(write_config(tmp_path), "data.batch_size=2", given)
    assert warn_of_rate(config, origins, base) == ""
    with pytest.raises(ConfigError, match=r"scales the config file's optimizer\.lr \(0\.02\); the command line gives"):
        scale_rate(config, origins, base)


def test_the_warning(tmp_path):
    config, origins, base = read(write_config(tmp_path), "data.batch_size=2")
    assert warn_of_rate(config, origins, base) == (
        "warning: lr 0.02 is for 4 images a step, and this run has 2;"
        " --scale-lr makes it 0.01, optimizer.lr=... sets it"
    )


def test_what_a_step_is_made_of(monkeypatch):
    monkeypatch.setattr("segbox.distributed.world_size", lambda: 2)
    assert describe_batch(24, 3, BaseRate(16, 0.01)) == (
        "24 images a step: 2 process(es) x 4 image(s) x 3 accumulated part(s); the config file's lr 0.01 is for 16"
    )


@pytest.mark.parametrize(
    ("override", "message"), [("optimizer.lr=None", "optimizer.lr"), ("data.batch_size=many", "data.batch_size: exp")]
)
def test_what_cannot_be_scaled(tmp_path, override, message):
    config, origins, base = read(write_config(tmp_path), override)
    with pytest.raises(ConfigError, match=message):
        scale_rate(config, origins, base)
