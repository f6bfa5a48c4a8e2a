"""The folders in which downloaded files are kept."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """SEGBOX_CACHE, else `segbox` in the platform's folder of caches."""
    if own := os.environ.get("SEGBOX_CACHE"):
        return Path(own).expanduser()
    return platform_cache() / "segbox"


def platform_cache() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    return xdg_cache()


def xdg_cache() -> Path:
    """The folder of caches of Hugging Face and PyTorch, on all platforms."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def torch_checkpoints() -> Path:
    """Where PyTorch and torchvision keep their downloads: below TORCH_HOME."""
    home = os.environ.get("TORCH_HOME")
    return (Path(home).expanduser() if home else xdg_cache() / "torch") / "hub" / "checkpoints"


def hub_home() -> Path:
    home = os.environ.get("HF_HOME")
    return Path(os.path.expandvars(home)).expanduser() if home else xdg_cache() / "huggingface"


def hub_cache() -> Path:
    """Where Hugging Face's packages keep their downloads."""
    own = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expandvars(own)).expanduser() if own else hub_home() / "hub"
