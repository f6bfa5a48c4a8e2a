"""Antialiased bicubic resizing as two products of matrices.

timm's vision transformers resize their position embedding so. ONNX has the operator, but OpenVINO (2026.4) computes it
as if it were not antialiased.
"""

import torch
from torch import Tensor

RESIZE = torch.ops.aten._upsample_bicubic2d_aa.vec
SHARPNESS = -0.5  # of the cubic kernel, as in Pillow


def without_antialiased_resizing(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    if all(node.target is not RESIZE for node in program.graph.nodes):
        return program
    return program.run_decompositions({RESIZE: resized})


def resized(x: Tensor, size: tuple[int, int] | None, align_corners: bool, factors: list[float] | None = None) -> Tensor:
    """The operator, where a size is given and corners are not aligned."""
    if size is None or align_corners:
        return NotImplemented
    rows, columns = (weights(own, wanted).to(x) for own, wanted in zip(x.shape[-2:], size))
    return rows @ x @ columns.T


def weights(own: int, wanted: int) -> Tensor:
    """What each of `own` old pixels adds to each new one: wanted, own. At a border the kernel is cut off."""
    scale = torch.scalar_tensor(own) / torch.scalar_tensor(wanted)  # tensors: a graph's integers round divisions
    centres = (torch.arange(wanted) + 0.5) * scale
    distances = (torch.arange(own) + 0.5 - centres[:, None]).abs() / scale.clamp(min=1)
    found = kernel(distances)
    return found / found.sum(1, keepdim=True)


def kernel(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, of distances."""
    near = ((SHARPNESS + 2) * x - (SHARPNESS + 3)) * x * x + 1
    far = SHARPNESS * (((x - 5) * x + 8) * x - 4)
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
