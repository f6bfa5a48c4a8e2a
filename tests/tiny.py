"""Small models and batches that the tests share."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.models.segmentors import build_segmentor
from segbox.registry import HEADS

# The heads whose paper is wide whatever the backbone gives. The rest follow their backbone.
SMALL: dict[str, dict[str, object]] = {
    "ANNHead": {"channels": 16, "key_channels": 8},
    "DNLHead": {"channels": 16},
    "APCHead": {"channels": 16},
    "DMHead": {"channels": 16},
    "DPTHead": {"channels": 16, "level_channels": (8, 8, 16, 16)},
    "DeepLabV3Head": {"channels": 16},
    "DeepLabV3PlusHead": {"channels": 16, "low_channels": 8},
    "EMAHead": {"channels": 16, "attention_channels": 16, "num_bases": 8},
    "EoMTHead": {"num_queries": 6},
    "FCN16sHead": {"channels": 32},
    "FCN32sHead": {"channels": 32},
    "FCN8sHead": {"channels": 32},
    "FPNHead": {"channels": 32},
    "GCHead": {"channels": 16},
    "ISAHead": {"channels": 16, "key_channels": 8},
    "LightHamHead": {"channels": 32, "ham_channels": 32},
    "NonLocalHead": {"channels": 16},
    "PSAHead": {"channels": 16, "mask_size": (7, 7)},
    "PointRendHead": {"channels": 16, "point_channels": 16, "train_points": 64},
    "KNetHead": dict(
        generator={"type": "FCNHead", "channels": 8, "num_convs": 2, "concat_input": True}, num_stages=2, hidden=12,
        num_heads=2, group_channels=4,
    ),
    "LinkNetHead": {"channels": 8},
    "Mask2FormerHead": dict(
        channels=32, mask_channels=6, num_queries=4, num_layers=2, hidden=12, num_heads=2, pixel_layers=1,
        pixel_hidden=10, num_points=2,
    ),
    "MaskFormerHead": dict(channels=32, mask_channels=6, num_queries=4, num_layers=2, hidden=12, num_heads=2),
    "RefineNetHead": {"channels": 16, "deepest_channels": 32},
    "SANHead": dict(
        channels=12, depth=4, side_heads=2, image_size=64, num_queries=5, num_heads=2, fused_blocks=(0, 1, 3),
        supervised=(3,), mask_channels=10, class_channels=6,
    ),
    "SETRMLAHead": {"channels": 8},
    "SETRUPHead": {"channels": 16},
    "SMPDeepLabV3PlusHead": {"channels": 16, "low_channels": 8},
    "SMPLinkNetHead": {"channels": 8},
    "SMPPSPHead": {"channels": 16},
    "SMPUNetHead": {"channels": (16, 8, 8, 4, 4)},
    "SMPUNetPlusPlusHead": {"channels": (16, 8, 8, 4, 4)},
    "UNetPlusPlusHead": {"channels": (4, 8, 8, 16)},
    "UPerHead": {"channels": 16},
}  # fmt: skip

# Heads that run the blocks of their backbone, which is this one, whatever is asked for.
BODY = {"type": "Timm", "name": "test_vit", "model_arguments": {"depth": 4}}
BODIES = {"EoMTHead": BODY, "SANHead": BODY}
HEADS_OF_MAPS = [name for name in HEADS if not HEADS[name].reads_tokens]


def tiny_model(
    backbone: str | dict[str, object] = "ResNet", head: str = "FCNHead", num_classes: int = 5, **model: object
) -> nn.Module:
    if isinstance(backbone, str):
        backbone = BODIES.get(head, {"type": backbone, "variant": "test"})
    config = {
        "type": "EncoderDecoder",
        "backbone": backbone,
        "decode_head": {"type": head, **SMALL.get(head, {})},
    }
    return build_segmentor({**config, **model}, num_classes)


def others_are_slow(names: Iterable[str], quick: Collection[str]) -> list[Any]:
    """All of them, to be tried by one test; those that are not `quick` by `make test-slow` alone."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


# Heads of which nothing but the weight and the bias of the last layer depends on the classes, as FCNHead's.
ONLY_CLASSIFY = (
    "ANNHead", "APCHead", "CCNetHead", "DDRHead", "DMHead", "DNLHead", "DPTHead", "DeepLabV3Head",
    "DeepLabV3PlusHead", "EMAHead", "FPNHead", "GCHead", "ISAHead", "LRASPPDecoderHead", "LightHamHead",
    "LinearHead", "NonLocalHead", "OCNetHead", "PIDHead", "PSAHead", "PSPHead", "PlainUNetHead", "RefineNetHead",
    "SETRMLAHead", "SETRUPHead", "SMPDeepLabV3PlusHead", "SMPLinkNetHead", "SMPPSPHead", "SMPUNetHead",
    "SMPUNetPlusPlusHead", "SegFormerHead", "SegNetHead", "SeparableFCNHead", "UNetHead", "UPerHead",
)  # fmt: skip
HEADS_WITH_CLASSES = others_are_slow(HEADS_OF_MAPS, set(HEADS_OF_MAPS) - set(ONLY_CLASSIFY))


def random_batch(
    batch: int, height: int, width: int, num_classes: int, ignored_rows: int = 0, seed: int = 0, channels: int = 3
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (batch, channels, height, width), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, num_classes, (batch, height, width), dtype=torch.uint8, generator=generator)
    labels[:, :ignored_rows] = IGNORE_INDEX
    return images, labels
