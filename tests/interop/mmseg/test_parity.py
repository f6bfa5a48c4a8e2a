"""Converted models compute what mmsegmentation does, from the same weights: see ../make_mmseg_fixtures.py."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from segbox.interop.mmseg.convert import convert
from segbox.models.heads.mask_head import MaskHead
from segbox.models.segmentors import build_segmentor
from tests.interop.mmseg.cases import MODELS as CASES
from tests.models.fixed import filling, normal

DATA = Path(__file__).parent / "data"
filled = lru_cache(maxsize=256)(filling)  # most models have the ResNet-18 of the one before
MARKS = {"pidnet_l": pytest.mark.slow}  # 36 million parameters


def fixture(name):
    with np.load(DATA / f"{name}.npz") as file:
        return dict(file)


def state_of(found):
    """mmsegmentation's state dict, by the formula."""
    lines = [line.split() for line in found["tensors"].tobytes().decode().splitlines()]
    shapes = {name: tuple(map(int, shape)) for name, *shape in lines}
    counters = [name for name in shapes if name.endswith("num_batches_tracked")]
    return {n: torch.tensor(0) if n in counters else filled(n, shape) for n, shape in shapes.items()}


def converted(name, state):
    """Our model in 64 bits, with the tensors that the conversion gives: all and no others. Images come normalized."""
    found = convert({"model": CASES[name][0]}, state)
    with torch.device("meta"):
        model = build_segmentor(found.model, None)
    if {name for name, _ in model.named_buffers()} - set(model.state_dict()):  # made with the model
        model = build_segmentor(found.model, None)
    mean, std = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    model.load_state_dict({**found.weights, "mean": mean, "std": std}, assign=True)
    return model.eval()


def logits_of(model, images):
    """The logits of classes; of a head with queries, those of their classes and masks, one behind the other."""
    if not isinstance(model.decode_head, MaskHead):
        return model.logits(images)
    found = model.decode_head(model.maps_and_features(images)[1])
    return torch.cat([part.flatten() for part in found]).view(1, 1, 1, -1)


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in CASES])
@torch.no_grad()
def test_mmsegmentation_agrees(name):
    found = fixture(name)
    model = converted(name, state_of(found))
    assert sum(parameter.numel() for parameter in model.parameters()) == found["parameters"]
    step = int(found["step"])
    logits = logits_of(model, normal("images", (1, 3, *CASES[name][1])))[..., ::step, ::step]
    expected = torch.from_numpy(found["logits"]).double()
    assert logits.shape == expected.shape
    assert (logits - expected).abs().max() <= 1e-5 * expected.abs().max()
