"""Caches in the test's own folder, and a server."""

from collections.abc import Iterator

import pytest

from segbox.weights.sources import download
from segbox.weights.sources.licences import tell_licence
from tests.weights.sources import server as servers

VARIABLES = (
    *("HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"),
    *("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_HUB_DISABLE_IMPLICIT_TOKEN"),
)


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, folder in {"SEGBOX_CACHE": "segbox", "HF_HOME": "hf", "TORCH_HOME": "torch", "HOME": "home"}.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(download, "PAUSE", 0.0)
    tell_licence.cache_clear()


@pytest.fixture
def server() -> Iterator[servers.Server]:
    with servers.running() as server:
        yield server
