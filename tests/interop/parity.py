"""The comparison of a converted model with the model of the library that it comes from."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from segbox.interop.imported import Imported
from segbox.models.segmentors import build_segmentor
from segbox.weights.loading import compare


def randomized(model: nn.Module, seed: int = 0) -> nn.Module:
    """In evaluation mode, with random norms and biases, so that no tensor can be left out unnoticed, and with weights
    that keep the scale of their inputs, so that logits are not all alike."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point() and value.dim() >= 2 and "table" not in name:
                value.normal_(0, (value.numel() / len(value)) ** -0.5)
            elif name.endswith("running_var") or (value.dim() == 1 and name.endswith("weight")):
                value.uniform_(0.5, 1.5)
            elif value.is_floating_point():
                value.normal_(0, 0.2)
    return model.eval()


def our_model(imported: Imported) -> nn.Module:
    """Built from the config alone, with every tensor loaded and none left over."""
    model = build_segmentor(imported.model, None).eval()
    fit = compare(model, imported.weights)
    assert fit.is_perfect(), fit.report()
    model.load_state_dict(imported.weights, strict=False)
    return model


def assert_equal_logits(
    imported: Imported, theirs: Callable[[Tensor], Tensor], size: tuple[int, int], channels: int = 3, batch: int = 1
) -> nn.Module:
    """Logits at the images' size; `theirs` gets normalized images."""
    model = our_model(imported)
    torch.manual_seed(1)
    images = torch.randint(0, 256, (batch, channels, *size), dtype=torch.uint8)
    with torch.no_grad():
        expected = theirs((images - model.mean) / model.std)
        logits = model(images)
    assert logits.shape == expected.shape
    spread = expected.std(dim=(2, 3)).min()
    assert spread > 1e-3 * expected.abs().max()  # a constant map would compare nothing
    difference = (logits - expected).abs().max() / expected.abs().max()
    assert difference < 1e-4, f"relative difference {difference:.1e}"
    return model
