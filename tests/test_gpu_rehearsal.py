"""The tests for GPUs, which the other commands leave out, are free of plain mistakes: their bodies run on the CPU."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from tests.gpu import conftest
from tests.runs import ROOT


@pytest.mark.slow
def test_their_bodies_run_on_the_cpu():
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/gpu"]
    environment = {**os.environ, "SEGBOX_GPU_REHEARSAL": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout[-5000:]


class Item:
    """A collected test, and the markers that it is given."""

    def __init__(self, file):
        self.path = ROOT / "tests" / file
        self.markers = []

    def add_marker(self, marker):
        self.markers.append(marker.name)


def collected(monkeypatch, selection, rehearsal=None, has_gpu=False):
    monkeypatch.setattr(conftest, "REHEARSAL", rehearsal)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    items = [Item("test_config.py"), Item("gpu/test_losses.py")]
    config = SimpleNamespace(option=SimpleNamespace(markexpr=selection))
    conftest.pytest_collection_modifyitems(config, items)
    assert not items[0].markers and "gpu" in items[1].markers
    return "skip" in items[1].markers


def test_without_a_gpu_their_command_ends_with_one_message_and_others_skip_them(monkeypatch):
    with pytest.raises(pytest.UsageError, match=r"finds no GPU here.*SEGBOX_GPU_REHEARSAL=cpu runs them on the CPU"):
        collected(monkeypatch, "gpu")
    assert collected(monkeypatch, "slow or not slow")
    for given in (dict(rehearsal="cpu"), dict(has_gpu=True)):
        assert not collected(monkeypatch, "gpu", **given)
