"""Small models and batches that the tests share."""

import torch
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.models.segmentors import build_segmentor
from segbox.registry import HEADS

# The heads whose paper is wide whatever the backbone gives. The rest follow their backbone.
SMALL: dict[str, dict[str, object]] = {
    "DeepLabV3Head": {"channels": 16},
    "DeepLabV3PlusHead": {"channels": 16, "low_channels": 8},
    "EoMTHead": {"num_queries": 6},
    "FCN16sHead": {"channels": 32},
    "FCN32sHead": {"channels": 32},
    "FCN8sHead": {"channels": 32},
    "FPNHead": {"channels": 32},
    "LinkNetHead": {"channels": 8},
    "RefineNetHead": {"channels": 16, "deepest_channels": 32},
    "SMPDeepLabV3PlusHead": {"channels": 16, "low_channels": 8},
    "SMPLinkNetHead": {"channels": 8},
    "SMPPSPHead": {"channels": 16},
    "SMPUNetHead": {"channels": (16, 8, 8, 4, 4)},
    "SMPUNetPlusPlusHead": {"channels": (16, 8, 8, 4, 4)},
    "UNetPlusPlusHead": {"channels": (4, 8, 8, 16)},
    "UPerHead": {"channels": 16},
}

# Heads that run the blocks of their backbone, which is this one, whatever is asked for.
BODIES = {"EoMTHead": {"type": "Timm", "name": "test_vit", "model_arguments": {"depth": 4}}}
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


def random_batch(
    batch: int, height: int, width: int, num_classes: int, ignored_rows: int = 0, seed: int = 0, channels: int = 3
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (batch, channels, height, width), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, num_classes, (batch, height, width), dtype=torch.uint8, generator=generator)
    labels[:, :ignored_rows] = IGNORE_INDEX
    return images, labels
