"""Devices by name, models on them, determinism."""

import os

import pytest
import torch

from segbox.engine.devices import choose_device
from segbox.errors import ConfigError
from tests.runs import tiny_runner


def test_devices(monkeypatch):
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match="--device gpu: "):
        choose_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device(None) == choose_device("cuda") == torch.device("cuda:1")
    assert choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ConfigError, match=r"--device cuda:7: asks for cuda:7; PyTorch sees 2 GPU"):
        choose_device("cuda:7")


def test_a_model_that_does_not_fit_is_told_what_to_do(tmp_path, monkeypatch):
    def full(self, *given, **named):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(ConfigError, match=r"model: its 0 million parameters do not fit on cpu; .* train\.shard=True"):
        tiny_runner(tmp_path)


def test_determinism_is_a_switch(tmp_path, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    tiny_runner(tmp_path, text="train = dict(max_steps=1, deterministic=True)\n")
    try:
        assert torch.are_deterministic_algorithms_enabled() and torch.backends.cudnn.deterministic
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        tiny_runner(tmp_path)
    assert not torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.deterministic
