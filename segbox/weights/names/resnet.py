"""ResNets of timm. Those with a plain stem, torchvision's and mmsegmentation's have our names."""

from collections.abc import Mapping

from torch import Tensor, nn

from segbox.errors import CheckpointError
from segbox.weights.names.rename import Weights, rename


def deep_stem(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    """timm's (and gluon's) stems of three convolutions: conv1.0 ... conv1.6, bn1."""
    return rename(weights, {r"^conv1\.(\d)": r"stem.\1", r"^bn1\.": "stem.7."})


def legacy_se(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    raise CheckpointError(
        "are of timm's legacy_seresnet, another network: the stride is in the first 1x1 convolution, and the max pool"
        ' has no padding. There are weights for ResNet variant="se50" with se_bias=True: "timm://seresnet50.a1_in1k"'
    )
