"""A checkpoint of a tiny model, as a run writes it, without the run."""

from pathlib import Path
from typing import Any

import torch

from segbox.config import load_config
from segbox.data.datasets.shapes import ShapesDataset
from segbox.literals import as_plain
from segbox.models.segmentors import build_segmentor, without_weights
from tests.runs import write_config

CLASSES = ShapesDataset.classes


def random_weights(model: torch.nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights whose norms are not the identity, so that each tensor matters."""
    generator = torch.Generator().manual_seed(seed)
    weights = model.state_dict()
    for name, value in weights.items():
        if value.is_floating_point() and name not in ("mean", "std"):
            value.add_(0.2 * torch.rand(value.shape, generator=generator) - 0.1)
        if "classify" in name and value.is_floating_point():
            value.add_(torch.randn(value.shape, generator=generator))
    return weights


def write_checkpoint(folder: Path, name: str = "best.pt", text: str = "", **content: Any) -> Path:
    """`text` is added to the tiny config, which the checkpoint holds; `content` replaces parts of the checkpoint."""
    config = load_config(write_config(folder, text))
    torch.manual_seed(0)
    model = build_segmentor(without_weights(config.model), len(CLASSES))
    palette = [[10 * i, 20 * i, 30 * i] for i in range(len(CLASSES))]
    plain = {"config": as_plain(config, "config"), "classes": list(CLASSES), "palette": palette}
    state = {"step": 4, "hooks": {"evaluate": {"highest": 41.5, "highest_step": 4}}, "optimizer": {}}
    torch.save({**state, "model": random_weights(model), **plain, **content}, folder / name)
    return folder / name
