"""tests/conftest.py lets no test open a connection to another machine."""

import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress

import pytest

from tests.weights.sources.server import Reply, running


def connect(address: tuple, method: str = "connect", family: int = socket.AF_INET) -> None:
    with socket.socket(family) as own:
        getattr(own, method)(address)


CALLS = {
    "socket.create_connection": lambda: socket.create_connection(("192.0.2.1", 80), 0.1),
    "an unknown name": lambda: socket.create_connection(("nowhere.invalid", 443), 0.1),
    "socket.connect": lambda: connect(("192.0.2.1", 80)),
    "socket.connect_ex": lambda: connect(("192.0.2.1", 80), "connect_ex"),
    "IPv6": lambda: connect(("2001:db8::1", 80, 0, 0), family=socket.AF_INET6),
    "urllib": lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://192.0.2.1/", None, 0.1),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_connection_fails_the_test_even_if_its_error_is_caught(name):
    with pytest.raises(pytest.fail.Exception, match="the test opens a connection to"), suppress(Exception):
        CALLS[name]()


def test_this_machine_can_be_reached():
    with running() as server:
        server.replies["/"] = Reply(b"hello")
        with urllib.request.urlopen(server.url + "/") as answer:
            assert answer.read() == b"hello"


def test_the_processes_of_a_test_find_no_network_either():
    code = "import urllib.request; urllib.request.urlopen('https://huggingface.co', timeout=5)"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Connection refused" in done.stderr
