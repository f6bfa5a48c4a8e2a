"""Whether a model is being exported: then nothing may be decided by the sizes of the example."""

import torch


def is_exporting() -> bool:
    """True inside of `torch.export`. PyTorch before 2.7 cannot tell it from `torch.compile`."""
    return getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)()
