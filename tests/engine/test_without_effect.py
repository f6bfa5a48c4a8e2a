"""Settings that change nothing are told, and no others."""

import pytest

from segbox.config import Config, load_config
from segbox.engine.without_effect import lengths_without_effect, settings_without_effect
from segbox.registry import HOOKS
from tests.test_configs import CONFIGS

PLAIN = {
    "model": {"type": "EncoderDecoder", "backbone": {"type": "ResNet"}},
    "data": {"train": {}, "val": {}},
    "optimizer": {"type": "SGD", "lr": 0.1},
    "hooks": {"evaluate": {"type": "Evaluate", "interval": 5}, "ema": None},
}
SLIDE = 'test.mode="slide" has'
CASES = [
    ("test", {"window": (64, 64)}, {"mode": "slide"},
     f'test.window has no effect: test.mode="whole" has no windows; {SLIDE}'),
    ("test", {"stride": 8}, {"mode": "slide"}, f'test.stride has no effect: test.mode="whole" has no windows; {SLIDE}'),
    ("test", {"mode": "crop", "windows_per_batch": 8}, {"mode": "slide"},
     f'test.windows_per_batch has no effect: test.mode="crop" has no windows; {SLIDE}'),
    ("test", {"base_size": 99}, {"scales": [1.0, 2.0]},
     "test.base_size has no effect: test.scales has the scale 1 alone"),
    ("train", {"max_skips": 3}, {"on_nan": "skip"},
     'train.max_skips has no effect: train.on_nan="stop" skips no step; "skip" does'),
    ("data", {"val": None, "val_batch_size": 2}, {"val": {}},
     "data.val_batch_size has no effect: the config has no data.val"),
    ("hooks", {"evaluate": None}, {"evaluate": {"type": "Evaluate"}},
     "data.val has no effect: no hook evaluates the model; hooks.evaluate=dict(type='Evaluate', interval=1000) does"),
    ("model", {"freeze_backbone": True, "freeze_stages": 2}, {"freeze_backbone": False},
     "model.freeze_stages has no effect: model.freeze_backbone=True freezes all of them"),
    ("model", {"backbone_weights": "a.pth", "backbone": {"type": "Timm",
     "pretrained": True}}, {"backbone_weights": None},
     "model.backbone.pretrained has no effect: model.backbone_weights replaces all weights of the backbone"),
    ("optimizer", {"weight_decay": 0.0, "decay_norms": False}, {"weight_decay": 0.1},
     "optimizer.decay_norms has no effect: optimizer.weight_decay is 0"),
    ("optimizer", {"decay_biases": False}, {"rules": {"head": {"weight_decay": 0.1}}},
     "optimizer.decay_biases has no effect: optimizer.weight_decay is 0"),
]  # fmt: skip


def lines_of(section, *settings):
    own = dict(PLAIN.get(section, {}))
    for more in settings:
        own |= more
    return settings_without_effect(Config({**PLAIN, section: own}))


@pytest.mark.parametrize(("section", "void", "used", "line"), CASES, ids=[case[3].split()[0] for case in CASES])
def test_a_void_setting_is_told_with_its_reason(section, void, used, line):
    assert lines_of(section, void) == [line]
    assert lines_of(section, void, used) == [] == lines_of(section, used)


def test_defaults_are_not_told():
    assert lines_of("test", {"mode": "whole", "window": [512, 512], "stride": None, "scales": [1.0]}) == []


@pytest.mark.parametrize(
    ("config", "enough", "line"),
    [
        ({"type": "PolyLR", "warmup_steps": 10}, 11,
         "warmup_steps=10: the run of 10 steps ends before the rate has reached its lr"),
        ({"type": "CosineLR", "warmup_steps": 4, "backbone_warmup_steps": 6}, 11,
         "warmup_steps=4, backbone_warmup_steps=6: the run of 10 steps ends before the rate has reached its lr"),
        ({"type": "Evaluate", "interval": 11}, 11,
         "interval=11 has no effect: the run of 10 steps is evaluated once, at its end"),
        ({"type": "Checkpoint", "interval": 11}, 11,
         "interval=11 has no effect: the run of 10 steps is saved once, at its end"),
        ({"type": "EarlyStopping", "patience": 3}, 13, "patience=3 has no effect: the run has 3 evaluation(s)"),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_run_too_short_for_a_setting(config, enough, line):
    hooks = {"own": HOOKS.build(config)}
    if config["type"] == "EarlyStopping":
        assert lengths_without_effect(hooks, 10) == []  # refused elsewhere: nothing evaluates
        hooks["evaluate"] = HOOKS.build({"type": "Evaluate", "interval": 4})
    assert lengths_without_effect(hooks, 10) == [f"hooks.own.{line}"]
    assert lengths_without_effect(hooks, enough) == []


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_hold_no_void_setting(path):
    config = load_config(path)
    assert settings_without_effect(config) == []
    hooks = {name: HOOKS.build(own) for name, own in config.hooks.items() if own is not None and own["type"] != "Log"}
    assert lengths_without_effect(hooks, config.train.max_steps or 10**9) == []
