"""Print the version and the environment, for bug reports.

segbox version
"""

import argparse
import platform
from importlib.metadata import PackageNotFoundError, version

from segbox import __version__

PACKAGES = ("torch", "torchvision", "numpy", "opencv-python", "pillow", "safetensors")
EXTRAS = ("timm", "tensorboard", "pyyaml", "wandb", "mlflow-skinny")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def run(args: argparse.Namespace) -> None:
    import torch

    from segbox.engine.work_dir import commit
    from segbox.machine import cores

    rows = [
        ("segbox", f"{__version__} (commit {commit()})" if commit() else __version__),
        ("Python", platform.python_version()),
        ("system", platform.platform()),
        *((name, installed(name)) for name in (*PACKAGES, *EXTRAS)),
        (
            "CPU",
            f"{platform.machine()}, {cores()} core(s), {torch.get_num_threads()} thread(s)",
        ),
        ("CUDA", torch.version.cuda or "not in this build of PyTorch"),
        *((f"GPU {i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())),
    ]
    if not torch.cuda.device_count():
        rows.append(("GPU", "none available to PyTorch"))
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:<{width}}  {value}" for name, value in rows))


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
