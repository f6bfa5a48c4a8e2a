"""Writes down what mmsegmentation computes with weights and images that a formula gives (tests/models/fixed.py).

Run it where mmsegmentation 1.2.2 is installed, in the root of the repository; segbox need not be:

    PYTHONPATH=. python -P tests/interop/make_mmseg_fixtures.py [NAME ...]

For each model of tests/interop/mmseg/cases.py: the names and shapes of its tensors, and some of its logits.
"""

import sys
from pathlib import Path

import mmseg  # noqa: F401
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.models.decode_heads.ham_head import NMF2D
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from tests.interop import mmseg_operators
from tests.interop.mmseg.cases import MODELS as CASES
from tests.models.fixed import fill, normal
from tests.models.naive_segnext import first_bases

FOLDER = Path(__file__).parent / "mmseg" / "data"
MOST_LOGITS = 3000


def without_sync(value):
    """Norms that need no other process."""
    if isinstance(value, dict):
        kept = {name: without_sync(item) for name, item in value.items()}
        return {**kept, "type": "BN"} if kept.get("type") == "SyncBN" else kept
    return type(value)(map(without_sync, value)) if isinstance(value, list | tuple) else value


def fixed_bases(factorization, batch, groups, channels, rank, device=None):
    """Where SegNeXt's head begins, in place of random numbers."""
    return first_bases(channels, rank).expand(batch * groups, -1, -1)


@torch.no_grad()
def logits_of(model, images):
    if hasattr(model, "text_encoder"):
        return masks_of_san(model, images)
    maps = model.extract_feat(images)
    if hasattr(model.decode_head, "query_embed"):
        return masks_of(model.decode_head, maps, images)
    heads = model.decode_head if isinstance(model.decode_head, torch.nn.ModuleList) else [model.decode_head]
    logits = ()
    for head in heads:  # each head of a cascade gets the logits of the one before
        is_refining = type(head).__name__ == "PointHead"
        new = mmseg_operators.refined(head, maps, *logits, model.test_cfg) if is_refining else head(maps, *logits)
        logits = (new,)
    return logits[0][0] if isinstance(logits[0], tuple) else logits[0]  # some heads give more beside them


def masks_of(head, maps, images):
    """Classes and masks of the last layer of queries, one behind the other."""
    size = tuple(images.shape[-2:])
    sample = SegDataSample(metainfo={"img_shape": size, "batch_input_shape": size})
    return torch.cat([layers[-1].flatten() for layers in head.forward(maps, [sample])]).view(1, 1, 1, -1)


def masks_of_san(model, images):
    """Classes and masks, as `masks_of` gives them."""
    smaller = F.interpolate(images, scale_factor=model.encoder_resolution, mode="bilinear")
    masks, classes = model.decode_head([images, model.image_encoder(smaller), model.text_encoder()], [])
    return torch.cat([classes[-1].flatten(), masks[-1].flatten()]).view(1, 1, 1, -1)


def count_parameters(model):
    """Of a text encoder, the embeddings that it gives."""
    if hasattr(model, "text_encoder"):
        parts = (model.image_encoder, model.decode_head)
        return sum(value.numel() for part in parts for value in part.parameters()) + model.text_encoder().numel()
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def main(names):
    init_default_scope("mmseg")
    mmseg_operators.install()
    NMF2D._build_bases = fixed_bases
    for name in names or CASES:
        config, size = CASES[name]
        model = fill(MODELS.build(ConfigDict(without_sync(config))))
        logits = logits_of(model, normal("images", (1, 3, *size))).numpy()
        step = 1
        while logits[..., ::step, ::step].size > MOST_LOGITS:
            step += 1
        state = model.state_dict()
        shapes = "\n".join(f"{key} {' '.join(map(str, value.shape))}" for key, value in state.items())
        kept = logits[..., ::step, ::step].astype(np.float32)
        count = count_parameters(model)
        tensors = np.frombuffer(shapes.encode(), np.uint8)
        np.savez_compressed(FOLDER / f"{name}.npz", tensors=tensors, logits=kept, step=step, parameters=count)
        print(f"{name}: {count:,} parameters, {(FOLDER / f'{name}.npz').stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
