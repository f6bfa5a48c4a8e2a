"""Every file in configs/ takes a training step, on random images, without its data set and with a tiny backbone.

The config is loaded as it stands; then its backbone becomes the variant "test" of its type, a head that is wide in
its paper becomes narrow, and files of weights are forgotten. Model, losses, optimizer and hooks are built from what is
left, and one step is taken. The classes are those that the data set has without its files.
"""

from dataclasses import fields
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from segbox.config import load_config
from segbox.data.loader import classes_without_files
from segbox.engine.hooks.lr_schedule import Schedule
from segbox.engine.optim import build_optimizer
from segbox.engine.settings import TrainSettings
from segbox.evaluation.inference import build_inference
from segbox.evaluation.metric_set import MetricSet
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.registry import HOOKS, call
from tests.tiny import BODIES, SMALL, random_batch

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path for path in (ROOT / "configs").glob("*/*.py") if "_base_" not in path.parts)
SIZE = (25, 37)
TINY = {"convnext": "test_convnext", "vit_": "test_vit"}  # networks of timm whose form a config depends on


def tiny(config):
    """The model's dict with a backbone of seconds, not minutes."""
    model = config.model.to_dict()
    name = model["backbone"].get("name", "")
    alike = next((alike for part, alike in TINY.items() if name.startswith(part)), None)
    model["backbone"] |= {"variant": "test"} if alike is None else {"name": alike}
    if alike == "test_vit" and "out_indices" in model["backbone"]:
        model["backbone"]["out_indices"] = tuple(range(-len(model["backbone"]["out_indices"]), 0))
    model["backbone"] = BODIES.get(model["decode_head"]["type"], model["backbone"])
    model["decode_head"] |= SMALL.get(model["decode_head"]["type"], {})
    if (model.get("neck") or {}).get("type") == "JPU":
        model["neck"]["channels"] = 16
    return without_weights(model)


STEPPED = {}


def stepped(config):
    """The tiny model and its optimizer, after a step. Recipes that differ in the data set, or in the depth that the
    variant replaces, share it."""
    settings = tiny(config)
    key = repr((settings, config.optimizer.to_dict()))
    if key not in STEPPED:
        STEPPED[key] = take_a_step(config, settings)
    return STEPPED[key]


def take_a_step(config, settings):
    torch.manual_seed(0)
    num_classes = len(classes_without_files(config.data.train))
    model = build_segmentor(settings, num_classes)
    optimizer = build_optimizer(config.optimizer, model)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    images, labels = random_batch(2, *SIZE, num_classes, ignored_rows=3, channels=model.mean.numel())
    losses = model(images, labels)
    sum(losses.values()).backward()
    optimizer.step()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters()))
    assert not [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    return model, optimizer


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_takes_a_step(path):
    config = load_config(path)
    if config.model.backbone.type == "Timm":
        pytest.importorskip("timm")
    assert len(classes_without_files(config.data.train)) > 1
    model, optimizer = stepped(config)
    hooks = {name: HOOKS.build(c, f"hooks.{name}") for name, c in config.hooks.items() if c is not None}
    max_steps = config.train.max_steps or 1000
    runner = SimpleNamespace(
        step=max_steps // 2, max_steps=max_steps, optimizer=optimizer, model=model, averaged_model=None
    )
    for hook in hooks.values():
        hook.before_step(runner)
    assert sum(isinstance(hook, Schedule) for hook in hooks.values()) == 1
    assert all(0 < group["lr"] <= group["base_lr"] for group in optimizer.param_groups)
    call(build_inference, config.test, "test", model=model)
    scores = call(MetricSet, config.metric, "metric", classes=("a", "b")).compute()
    assert hooks["evaluate"].best in scores


def test_there_are_configs_and_bases_load_too():
    assert len(CONFIGS) > 10
    for path in sorted((ROOT / "configs" / "_base_").rglob("*.py")):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_the_base_of_runs_shows_every_setting():
    """An override must land on something that is there, so what a section takes has to stand in the base."""
    base = load_config(ROOT / "configs/_base_/schedules/runtime.py")
    assert set(base.train) == {field.name for field in fields(TrainSettings)}
    assert set(base.test) <= set(signature(build_inference).parameters)
