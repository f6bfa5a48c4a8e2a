"""The names of precisions in configs and on command lines, their types, and which one "auto" is on a device."""

from functools import cache
from pathlib import Path

import torch

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
AMP = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None, None: None}  # None: fp32 in older configs
AMPERE = 8  # the first generation of NVIDIA GPUs (compute capability 8.0) that computes with bf16
CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
CPU_INFO = Path("/proc/cpuinfo")


def choose_precision(wanted: str | None, device: torch.device) -> str:
    """The precision that a config asks for. "auto": bf16 where the device computes with it itself, else fp32."""
    if wanted not in PRECISIONS and wanted is not None:
        raise ValueError(f"precision={wanted!r}: one of {', '.join(map(repr, PRECISIONS))}")
    if wanted != "auto":
        return wanted or "fp32"
    return "bf16" if computes_bf16(device) else "fp32"


def computes_bf16(device: torch.device) -> bool:
    """Whether a device computes with bf16; others imitate it, several times slower than fp32."""
    if device.type == "cuda":
        return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= AMPERE
    return device.type == "cpu" and cpu_computes_bf16()


@cache
def cpu_computes_bf16() -> bool:
    """By PyTorch's own functions, which older versions lack, and by the flags that Linux tells."""
    own = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    if any(is_supported() for is_supported in own if is_supported is not None):
        return True
    return CPU_INFO.exists() and not CPU_FLAGS.isdisjoint(CPU_INFO.read_text(errors="replace").split())
