"""Files of timm's transformers give the features that timm's own networks have."""

from functools import partial

import pytest
import torch
from torch import nn

from segbox.registry import BACKBONES
from segbox.weights.names.backbones import by_our_names
from segbox.weights.names.transformers import square_of
from tests.weights.names.test_backbones import assert_same, filled, maps_of

PLAIN = {"embed_dim": 8, "depth": 4, "num_heads": 2, "img_size": 64}
SWIN = {"embed_dim": 8, "depths": (1, 2, 1, 2), "num_heads": (1, 2, 4, 8)}
TWINS = {"embed_dims": (8, 16, 24, 32), "num_heads": (1, 2, 3, 4)}
# our form; timm's network and its options; the side of the images; how many of our first maps are compared
NETWORKS = [
    ({"type": "PoolFormer", "variant": "s12"}, "poolformer_s12", {}, 64, 4),
    ({"type": "Twins"}, "twins_pcpvt_small", {**TWINS, "depths": (1, 1, 2, 1), "mlp_ratios": (8, 8, 4, 4)}, 64, 4),
    ({"type": "Twins", "variant": "test-svt"}, "twins_svt_small", {**TWINS, "depths": (2, 1, 2, 1)}, 224, 4),
    ({"type": "Swin"}, "swin_tiny_patch4_window7_224", SWIN, 224, 3),  # timm shifts no windows in the last stage
    ({"type": "VisionTransformer", "image_size": 64}, "vit_tiny_patch16_224", PLAIN, 64, 4),
    ({"type": "BEiT", "image_size": 64}, "beit_base_patch16_224", PLAIN, 64, 4),
]


@pytest.mark.parametrize(("form", "name", "options", "side", "count"), NETWORKS, ids=lambda value: str(value)[:24])
def test_files_of_timm(form, name, options, side, count):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    weights = filled(timm.create_model(name, **options)).state_dict()
    theirs = timm.create_model(name, **options).eval()
    theirs.load_state_dict(weights)
    backbone = BACKBONES.build({"variant": "test", **form}).eval()
    found = by_our_names(weights, backbone, "a file")
    assert found.keys() - backbone.state_dict().keys() <= {"norm.weight", "norm.bias", "fc_norm.weight", "fc_norm.bias"}
    assert found.keys() >= backbone.state_dict().keys()
    backbone.load_state_dict(found, strict=False)
    for stage in getattr(backbone, "stages", []):
        stage.norm = nn.Identity()  # which a network for classes does not have
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    truths = maps_of(partial(theirs.forward_intermediates, intermediates_only=True, norm=False), images)
    assert_same(maps_of(backbone, images)[:count], truths[:count])


def test_squares_of_another_size():
    rows = torch.arange(16.0).view(1, 16, 1)
    assert square_of(rows, 16) is rows
    larger = square_of(rows, 64).view(8, 8)
    assert larger.shape == (8, 8) and (larger.diff(dim=0) > 0).all() and (larger.diff(dim=1) > 0).all()
