"""Tiny runs on generated shapes, and the tools called in this process."""

import os
import runpy
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from segbox.config import load_config
from segbox.engine.build import build_runner
from segbox.engine.runner import Runner
from segbox.evaluation.records import Evaluation
from segbox.outputs import RECORD

ROOT = Path(__file__).parents[1]
TEXT = f'''
_base_ = "{ROOT}/configs/_base_/schedules/sgd_poly.py"
crop_size = (32, 48)
model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="test"),
    decode_head=dict(type="FCNHead", dropout=0.5),
)
data = dict(
    train=dict(
        type="ShapesDataset",
        num_images=6,
        size=(40, 56),
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.75, 1.5)),
            dict(type="RandomCrop", size="${{crop_size}}"),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(type="ShapesDataset", num_images=3, size=(32, 40), seed=1, pipeline=[]),
    batch_size=4,
    val_batch_size=2,
    workers=0,
)
optimizer = dict(lr=0.02, head_lr_mult=5.0)
train = dict(max_steps=6, precision="fp32", tf32=False, cudnn_benchmark=False)  # the same numbers everywhere
hooks = dict(
    lr_schedule=dict(warmup_steps=2),
    ema=dict(type="EMA", momentum=0.9),
    log=dict(interval=2),
    evaluate=dict(interval=3),
    checkpoint=dict(interval=2),
)
'''


def write_config(folder: Path, text: str = "", name: str = "tiny.py") -> Path:
    """The tiny config, with `text` behind it; with another name, a child of it. Put in place whole: processes that
    train together all write it, and none may read what another has half written."""
    path, part = folder / name, folder / f"{name}.{os.getpid()}"
    part.write_text(TEXT + text if name == "tiny.py" else f'_base_ = "tiny.py"\n{text}')
    part.replace(path)
    return path


def tiny_runner(folder: Path, overrides: Iterable[str] = (), text: str = "") -> Runner:
    folder.mkdir(parents=True, exist_ok=True)
    config = load_config(write_config(folder, text), overrides)
    return build_runner(config, folder, torch.device("cpu"))


def scored(**scores: Any) -> Evaluation:
    """What the evaluation of a stand-in leaves behind."""
    return Evaluation(("a",), ((0, 0, 0),), "", scores, [])


def run_tool(monkeypatch: Any, name: str, *arguments: object) -> int:
    """What the command would do, without a process of its own; its exit status."""
    monkeypatch.setattr(sys, "argv", [f"tools/{name}", *map(str, arguments)])
    try:
        runpy.run_path(str(ROOT / "tools" / name), run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    return 0


def written(folder: Path) -> list[str]:
    """The names of what a tool has written into a folder, but for its record."""
    return sorted(path.name for path in folder.iterdir() if path.name != RECORD)


def differences(a: Any, b: Any, way: str = "") -> list[str]:
    """Where two checkpoints differ, to the last bit."""
    if isinstance(a, torch.Tensor):
        return [] if torch.equal(a, b) else [way]
    if isinstance(a, dict):
        missing = [f"{way}.{key}" for key in set(a) ^ set(b)]
        return missing + [d for key in set(a) & set(b) for d in differences(a[key], b[key], f"{way}.{key}")]
    return [] if a == b else [way]
