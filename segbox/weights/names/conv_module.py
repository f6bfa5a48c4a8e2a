"""Networks whose names are mmsegmentation's, but for those of norms."""

from collections.abc import Mapping

from torch import Tensor, nn

from segbox.weights.names.rename import Weights, rename


def mmsegmentation(weights: Mapping[str, Tensor], backbone: nn.Module) -> Weights:
    return rename(weights, {r"\.bn\.": ".norm."})
