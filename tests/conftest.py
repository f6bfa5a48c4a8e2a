"""Settings that hold for every test."""

import gc
import os

import pytest

# Before torch is imported. The models are tiny: threads would only wait for each other, and slow a busy machine down.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"


def pytest_collection_finish() -> None:
    """What was imported stays to the end: it need not be looked through for garbage again and again."""
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # or libraries would tell at the end of the process what they were not given back


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests over the registry find the part whose package is an extra; without it they have nothing to run."""
    if "Timm" in item.name:
        pytest.importorskip("timm")
