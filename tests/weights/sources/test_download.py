"""Downloads: cut, resumed, redirected, refused, checked, and shared between processes."""

import errno
import hashlib
import io
import logging
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from segbox.errors import CheckpointError
from segbox.weights.sources import download, transport
from segbox.weights.sources.download import fetch
from segbox.weights.sources.location import Location
from segbox.weights.sources.messages import WaysOut
from tests.processes import fork, kill, wait
from tests.weights.sources.server import Reply, running

CONTENT = bytes(range(256)) * 8000  # 2 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def location(server) -> Location:
    server.replies["/a.pth"] = Reply(CONTENT, headers={"ETag": '"1"'})
    return Location(f"{server.url}/a.pth", "a.pth", DIGEST)


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "cache" / "a.pth"


def get(location: Location, target: Path) -> list[str]:
    """Download; returns what then lies in the folder."""
    fetch(location, target, WaysOut(target, "begin at random"))
    assert target.read_bytes() == CONTENT
    return sorted(path.name for path in target.parent.iterdir())


def refused(location: Location, target: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        fetch(location, target, WaysOut(target, "begin at random"))
    assert not target.exists() and "\n" not in str(caught.value)
    return str(caught.value)


def ranges(server, path: str = "/a.pth") -> list[str | None]:
    return [asked.headers.get("range") for asked in server.gets(path)]


def test_nothing_but_the_file_is_left(location, target):
    assert get(location, target) == ["a.pth"]


@pytest.mark.parametrize("digest", [DIGEST, ""])
def test_a_cut_download_goes_on_where_it_ended(location, target, server, digest, caplog):
    server.replies["/a.pth"].cut = 1_500_000
    with caplog.at_level(logging.INFO, "segbox"):
        assert get(replace(location, digest=digest), target) == ["a.pth"]
    assert ranges(server) == [None, "bytes=1500000-"]
    assert "cut after 1.5 of 2.0 MB; going on at 1.5 MB" in caplog.text


def test_a_cut_download_starts_again_if_the_server_knows_no_ranges(location, target, server):
    server.replies["/a.pth"].cut = 1_500_000
    server.replies["/a.pth"].takes_ranges = False
    assert get(location, target) == ["a.pth"]


def test_a_cut_download_starts_again_if_nothing_says_that_the_file_is_the_same(location, target, server):
    server.replies["/a.pth"] = Reply(CONTENT, cut=1_500_000)
    assert get(replace(location, digest=""), target) == ["a.pth"] and ranges(server) == [None, None]


def test_a_part_of_another_version_is_not_completed(location, target, server):
    """By its version if the server states one, else by the hash of the whole."""
    for digest, version in (("", '"0"'), (DIGEST, "")):
        target.unlink(missing_ok=True)
        target.parent.mkdir(exist_ok=True)
        target.with_name("a.pth.part").write_bytes(bytes(1000))
        target.with_name("a.pth.part.version").write_text(version)
        assert get(replace(location, digest=digest), target) == ["a.pth"]
    assert ranges(server) == ["bytes=1000-", "bytes=1000-", None]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(location, target, server):
    target.parent.mkdir()
    target.with_name("a.pth.part").write_bytes(CONTENT + b"more")
    assert get(location, target) == ["a.pth"] and len(ranges(server)) == 2


def test_a_server_that_answers_with_another_part(location, target, server):
    server.replies["/a.pth"] = Reply(CONTENT, 206, {"Content-Range": "bytes 5-9/10"})
    assert "its part on this disk does not fit what the server has" in refused(location, target)
    assert len(server.asked) == download.ATTEMPTS


def test_after_some_attempts_the_part_is_kept_for_the_next_call(location, target, server, monkeypatch):
    reply = server.replies["/a.pth"]
    reply.before = lambda: setattr(reply, "cut", 0 if ranges(server)[-1] else 1_000_000)
    message = refused(location, target)
    assert "the download failed again and again: the connection was cut after 1.0 of 2.0 MB" in message
    assert "The 1.0 MB received so far are kept: call again to go on." in message
    assert f"put it at {target}, or name the path of a file, or begin at random" in message
    assert len(server.asked) == 1 + download.ATTEMPTS
    reply.before = lambda: setattr(reply, "cut", None)
    assert get(location, target) == ["a.pth"] and ranges(server)[-1] == "bytes=1000000-"


def test_a_wrong_hash_leaves_nothing(location, target):
    message = refused(replace(location, digest="12345678"), target)
    assert f"its hash begins with {DIGEST[:8]}, expected 12345678. It was deleted" in message
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (b"<p>Sign in to the network of your hotel</p>", "text/html; charset=utf-8"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "application/octet-stream"),
    ],
)
def test_a_web_page_is_no_file(location, target, server, page, kind):
    server.replies["/a.pth"] = Reply(page, headers={"Content-Type": kind})
    assert "the answer is a web page (HTML)" in refused(replace(location, digest=""), target)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ("status", "message", "attempts"),
    [
        (404, "there is no such file (status 404)", 1),
        (403, "access is forbidden (status 403)", 1),
        (503, "failed again and again: Service Unavailable", 3),
        (429, "failed again and again: Too Many Requests", 3),
    ],
)
def test_statuses_of_errors(location, target, server, status, message, attempts):
    server.replies["/a.pth"] = Reply(b"no", status)
    assert message in refused(location, target) and len(server.asked) == attempts


def test_without_a_network_one_message_says_what_to_do(target):
    with running() as gone:
        location = Location(f"{gone.url}/a.pth", "a.pth")
    assert refused(location, target) == (
        f"{location.url} cannot be reached: Connection refused. Fetch the file by other means and put it at"
        f" {target}, or name the path of a file, or begin at random"
    )


def test_a_server_that_does_not_answer(location, target, server, monkeypatch):
    monkeypatch.setattr(transport, "TIMEOUT", 0.05)
    server.replies["/a.pth"].before = lambda: time.sleep(0.2)
    assert "failed again and again: no answer in time" in refused(location, target)


def test_a_redirect_to_another_host_loses_the_token(location, target, server):
    location = replace(location, headers={"Authorization": "Bearer secret"})
    with running() as other:
        other.replies["/b"] = Reply(CONTENT)
        server.replies["/a.pth"] = Reply(status=302, headers={"Location": "/moved"})
        server.replies["/moved"] = Reply(status=308, headers={"Location": f"{other.url}/b"})
        assert get(location, target) == ["a.pth"]
        assert [asked.headers.get("authorization") for asked in server.asked] == ["Bearer secret"] * 2
        assert [asked.headers.get("authorization") for asked in other.asked] == [None]


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_a_redirect_leads_to_no_other_scheme(location, target, server, to):
    server.replies["/a.pth"] = Reply(status=302, headers={"Location": to})
    refused(location, target)


def test_a_redirect_from_https_leads_to_https():
    handler = transport.Redirects()
    secure = transport.urllib.request.Request("https://host/a")
    with pytest.raises(transport.urllib.error.URLError, match="which is not https"):
        handler.redirect_request(secure, io.BytesIO(), 302, "", {}, "http://host/a")
    assert handler.redirect_request(secure, None, 302, "", {}, "/b").full_url == "https://host/b"


def test_redirects_in_a_circle_end(location, target, server):
    server.replies["/a.pth"] = Reply(status=302, headers={"Location": "/a.pth"})
    assert "(status 302)" in refused(location, target) and len(server.asked) < 20


# --- disks ------------------------------------------------------------------------------------------------------------


class FullDisk(io.BytesIO):
    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_becomes_full(location, target, monkeypatch):
    original = download.copy
    monkeypatch.setattr(download, "copy", lambda answer, file, *rest: original(answer, FullDisk(), *rest))
    message = refused(location, target)
    assert message.startswith(f"a.pth: there is no room for it in {target.parent}. Make room, or choose another folder")
    assert not [path for path in target.parent.iterdir() if path.stat().st_size]


def test_a_disk_that_is_too_small_is_told_before_the_download(location, target, monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    assert "there is no room for it in" in refused(location, target)
    assert "2 MB are needed, 1 MB are free" in refused(location, target)


def test_a_cache_that_cannot_be_written_to(location, tmp_path):
    (tmp_path / "cache").write_text("a file")
    message = refused(location, tmp_path / "cache" / "segbox" / "a.pth")
    assert "cannot be written to (Not a directory); choose another folder (SEGBOX_CACHE)" in message


# --- processes --------------------------------------------------------------------------------------------------------


def test_two_processes_download_once(location, target, server):
    def both_are_here() -> None:
        until = time.monotonic() + 30
        while not (target.parent / "waits").exists() and time.monotonic() < until:
            time.sleep(0.005)

    def work() -> None:
        logger = logging.getLogger("segbox")
        logger.setLevel(logging.INFO)
        logger.addHandler(Waits())
        get(location, target)

    class Waits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "waiting for another process, which downloads a.pth":
                (target.parent / "waits").touch()

    server.replies["/a.pth"].before = both_are_here
    children = [fork(work) for _ in range(2)]
    try:
        assert wait(children, 60) == [0, 0]
    finally:
        kill(children)
    assert (target.parent / "waits").exists() and len(server.asked) == 1
    assert get(location, target) == ["a.pth", "waits"]


def test_a_download_that_was_killed_is_resumed(location, target, server):
    half = threading.Event()

    reply = server.replies["/a.pth"]
    reply.pause = half.wait
    reply.cut = 1_000_000
    child = fork(lambda: fetch(location, target, WaysOut(target)))
    try:
        part = target.with_name("a.pth.part")
        until = time.monotonic() + 20
        while time.monotonic() < until and not (part.exists() and part.stat().st_size >= 262_144):
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
        assert wait([child], 20) == [-signal.SIGKILL] and not target.exists()
    finally:
        half.set()
        kill([child])
    kept = part.stat().st_size
    assert 262_144 <= kept <= 1_000_000
    reply.pause = lambda: None
    assert get(location, target) == ["a.pth"] and ranges(server) == [None, f"bytes={kept}-"]
