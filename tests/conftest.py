"""Settings that hold for every test."""

import gc
import ipaddress
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# Before torch is imported. The models are tiny: threads would only wait for each other, and slow a busy machine down.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"
# Of the processes that tests start: a proxy that refuses all connections but those to this machine.
for name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ[name] = os.environ[name.upper()] = "http://127.0.0.1:9"
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1,::1"

# Shells start what runs in the background (`make test &`) with Ctrl-C ignored; the tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What was imported stays to the end: it need not be looked through for garbage again and again."""
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # or libraries would tell at the end of the process what they were not given back


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests over the registry find the part whose package is an extra; without it they have nothing to run."""
    if "Timm" in item.name:
        pytest.importorskip("timm")


@pytest.fixture(autouse=True)
def lines_reach_caplog(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in another test has switched it off, and an older pytest sees nothing then."""
    monkeypatch.setattr(logging.getLogger("segbox"), "propagate", True)


@pytest.fixture
def mask_head(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a small head that predicts masks, which is registered for one test."""
    from segbox.registry import HEADS  # not for tests without it: it imports torch
    from tests.models.tiny_mask_head import TinyMaskHead

    monkeypatch.setattr(HEADS, "_builders", {**{name: HEADS[name] for name in HEADS}, "TinyMaskHead": TinyMaskHead})
    return "TinyMaskHead"


@pytest.fixture(autouse=True, scope="session")
def only_this_machine() -> Iterator[None]:
    """A test that opens a connection to another machine fails, whatever the code makes of the error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "create_connection", guarded(socket.create_connection, lambda address, *_: address))
        for name in ("connect", "connect_ex"):
            original = getattr(socket.socket, name)
            patch.setattr(socket.socket, name, guarded(original, lambda _, address: address))
        yield


def guarded(function: Callable, address_of: Callable[..., Any]) -> Callable:
    def call(*arguments: Any, **options: Any) -> Any:
        address = address_of(*arguments)
        if isinstance(address, tuple) and not is_here(address[0]):  # a Unix socket's address is a path
            pytest.fail(f"the test opens a connection to {address[0]}, port {address[1]}")
        return function(*arguments, **options)

    return call


def is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
