"""The device of these tests, and what a test may not leave behind on it."""

import os
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from segbox import distributed
from segbox.engine import build, sharding
from segbox.engine.devices import set_backends
from segbox.engine.settings import TrainSettings
from segbox.models.segmentors import build_segmentor
from tests.gpu.runs import OneOfSeveral

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch looks once, at the first product of matrices
REHEARSAL = os.environ.get("SEGBOX_GPU_REHEARSAL") or None
WITHOUT = (
    f"PyTorch {torch.__version__} finds no GPU here, which these tests are for; SEGBOX_GPU_REHEARSAL=cpu runs them on"
    " the CPU"
)


@pytest.hookimpl(tryfirst=True)  # before the tests are chosen by their markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    own = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    for item in own:
        item.add_marker(pytest.mark.gpu)
        item.add_marker(pytest.mark.filterwarnings("default"))
    if REHEARSAL or torch.cuda.is_available():
        return
    if own and config.option.markexpr == "gpu":
        raise pytest.UsageError(WITHOUT)
    for item in own:
        item.add_marker(pytest.mark.skip(reason=WITHOUT))


@pytest.fixture(scope="session")
def device() -> torch.device:
    return torch.device(REHEARSAL) if REHEARSAL else torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def _as_it_was(device):
    yield
    set_backends(TrainSettings(tf32=False, cudnn_benchmark=False), device)
    if device.type == "cuda":
        torch.cuda.empty_cache()


@pytest.fixture(autouse=REHEARSAL is not None)
def _compile_without_a_compiler(monkeypatch):
    """In a rehearsal graphs are captured and run as they are: kernels for a CPU take minutes and tell nothing here."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


@pytest.fixture
def double(monkeypatch):
    """Models of 64 bits, in which the order of sums leaves no trace."""
    monkeypatch.setattr(build, "build_segmentor", lambda *given: build_segmentor(*given).double())


@pytest.fixture
def group(device, monkeypatch):
    """A group of one process, as a run of several would make it, and without the short cuts for one."""
    backend = distributed.backend_of(device)
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    monkeypatch.setattr(distributed, "world_size", lambda: OneOfSeveral(1))
    monkeypatch.setattr(sharding, "SMALLEST_BLOCK", 500)
    yield
    dist.destroy_process_group()
