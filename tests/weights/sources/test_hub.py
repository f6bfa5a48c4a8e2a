"""Files of the hub: its answers, its cache, tokens, mirrors, and no network."""

import hashlib
import logging
import os
import subprocess
import sys

import pytest

from segbox.errors import CheckpointError
from segbox.weights.sources import hub
from segbox.weights.sources.find import find_weights
from segbox.weights.sources.hub import Repository, cached, find_file
from tests.weights.sources.server import Reply, Server, running

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = b"weights " * 1000
README = b"---\ntags: [x]\nlicense: apache-2.0\n---\n# A model\n"
HEADERS = {"X-Repo-Commit": COMMIT}


class Hub:
    """A server that answers as the hub does: big files by a redirect to a second server, small ones by itself."""

    def __init__(self, server: Server, other: Server) -> None:
        self.server, self.other = server, other

    def small(self, repository: str, file: str, content: bytes, revision: str = "main") -> None:
        etag = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        headers = {**HEADERS, "ETag": f'"{etag}"'}
        self.server.replies[f"/{repository}/resolve/{revision}/{file}"] = Reply(content, headers=headers)

    def big(self, repository: str, file: str, content: bytes = WEIGHTS, stated: bytes | None = None) -> None:
        digest = hashlib.sha256(content if stated is None else stated).hexdigest()
        self.other.replies[f"/{file}"] = Reply(content)
        headers = {**HEADERS, "ETag": '"other"', "X-Linked-Etag": f'"{digest}"', "Location": f"{self.other.url}/{file}"}
        self.server.replies[f"/{repository}/resolve/main/{file}"] = Reply(status=302, headers=headers)

    def error(self, repository: str, file: str, status: int, code: str, revision: str = "main") -> None:
        path = f"/{repository}/resolve/{revision}/{file}"
        commit = HEADERS if code == "EntryNotFound" else {}
        self.server.replies[path] = Reply(b"", status, {"X-Error-Code": code, **commit})

    def asked(self) -> list[str]:
        return sorted(f"{asked.method} {asked.path}" for asked in self.server.asked + self.other.asked)


@pytest.fixture
def a_hub(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    with running() as other:
        own = Hub(server, other)
        own.small("o/n", "README.md", README)
        own.small("o/n", "config.json", b"{}")
        own.error("o/n", "preprocessor_config.json", 404, "EntryNotFound")
        own.big("o/n", "model.safetensors")
        yield own


def refused(word: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        find_weights(word, "begin at random")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_repository_is_downloaded_once_with_its_config_and_licence(a_hub, caplog):
    with caplog.at_level(logging.INFO, "segbox"):
        found = find_weights("hf://o/n")
    assert found.path.read_bytes() == WEIGHTS and found.licence == "apache-2.0"
    assert {name: path.read_bytes() for name, path in found.others.items()} == {
        "README.md": README,
        "config.json": b"{}",
    }
    assert "hf://o/n: licence apache-2.0" in caplog.messages
    asked = a_hub.asked()
    assert find_weights("hf://o/n") == found and a_hub.asked() == asked
    assert "HEAD /o/n/resolve/main/preprocessor_config.json" in asked  # that it does not exist is remembered too


def test_the_licence_is_told_before_the_download(a_hub, caplog):
    a_hub.small("o/n", "README.md", README.replace(b"apache-2.0", b"cc-by-nc-4.0"))
    told = []
    a_hub.other.replies["/model.safetensors"].before = lambda: told.extend(caplog.messages)
    with caplog.at_level(logging.INFO, "segbox"):
        find_weights("hf://o/n")
    assert told[0] == "hf://o/n: ITS LICENCE FORBIDS COMMERCIAL USE (cc-by-nc-4.0)"


def test_other_files_and_revisions(a_hub):
    a_hub.small("o/n", "best.pt", b"other weights", revision="v2")
    for name in ("README.md", "config.json", "preprocessor_config.json"):
        a_hub.error("o/n", name, 404, "EntryNotFound", "v2")
    assert find_weights("hf://o/n@v2/best.pt").path.read_bytes() == b"other weights"
    a_hub.small("o/n", "a/b/c.bin", b"deep weights")
    a_hub.small("o/n", "a/b/config.json", b'{"beside": 1}')
    deep = find_weights("hf://o/n/a/b/c.bin")
    assert deep.path.read_bytes() == b"deep weights"
    assert deep.others["config.json"].read_bytes() == b'{"beside": 1}'
    assert find_weights(f"hf://o/n@{COMMIT}/a/b/c.bin").path.read_bytes() == b"deep weights"


def test_pickles_are_second(a_hub):
    a_hub.error("o/n", "model.safetensors", 404, "EntryNotFound")
    a_hub.big("o/n", "pytorch_model.bin")
    assert find_weights("hf://o/n").path.name == "pytorch_model.bin"
    assert "has no file best.pt (or does not exist)" in refused("hf://o/n/best.pt")
    assert "has no file model.safetensors or pytorch_model.bin" in refused("hf://o/other")


def test_the_hash_that_the_hub_states_is_checked(a_hub):
    a_hub.big("o/n", "model.safetensors", stated=b"other content")
    assert "its hash begins with" in refused("hf://o/n")
    assert not any(path.is_file() for path in hub.hub_cache().rglob("model.safetensors"))
    a_hub.small("o/n", "best.pt", b"right")
    a_hub.server.replies["/o/n/resolve/main/best.pt"].content = b"wrong"
    assert "its hash begins with" in refused("hf://o/n/best.pt")


@pytest.mark.parametrize("by", ["HF_TOKEN", "file"])
def test_the_token_is_for_the_hub_alone(a_hub, by, monkeypatch, tmp_path):
    if by == "HF_TOKEN":
        monkeypatch.setenv("HF_TOKEN", "secret\n")
    else:
        (tmp_path / "hf").mkdir()
        (tmp_path / "hf" / "token").write_text("secret\n")
    find_weights("hf://o/n")
    assert {asked.headers.get("authorization") for asked in a_hub.server.asked} == {"Bearer secret"}
    assert [asked.headers.get("authorization") for asked in a_hub.other.asked] == [None]
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    assert bool(hub.authorization()) == (by == "HF_TOKEN")


@pytest.mark.parametrize(
    ("status", "code", "messages"),
    [
        (401, "RepoNotFound", ["there is no such repository or file, or it is private or gated", "no HF_TOKEN is set"]),
        (403, "GatedRepo", ["accept the conditions on that page, and set HF_TOKEN", "put it at"]),
        (404, "RepoNotFound", ["there is no such repository"]),
        (404, "RevisionNotFound", ["it has no revision 'main'"]),
    ],
)
def test_repositories_that_are_missing_or_closed(a_hub, status, code, messages, caplog):
    for name in ("README.md", "model.safetensors"):
        a_hub.error("o/n", name, status, code)
    with caplog.at_level(logging.INFO, "segbox"):
        message = refused("hf://o/n")
    assert message.startswith(f"{a_hub.server.url}/o/n: ") and all(part in message for part in messages)
    assert "README.md" not in message and not caplog.messages  # nothing is known of its licence


def test_the_weights_of_a_closed_repository_may_be_put_by_hand(a_hub, tmp_path):
    for name in ("README.md", "model.safetensors"):
        a_hub.error("o/n", name, 401, "RepoNotFound")
    place = tmp_path / "segbox/hf/o/n/model.safetensors"
    assert f"put it at {place}, or name the path of a file, or begin at random" in refused("hf://o/n")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    (place.parent / "config.json").write_text("{}")
    found = find_weights("hf://o/n")
    assert found.path == place and found.others == {"config.json": place.parent / "config.json"}


def test_a_server_that_is_no_hub(a_hub):
    a_hub.server.replies["/o/n/resolve/main/README.md"] = Reply(b"<html>", headers={"Content-Type": "text/html"})
    assert "the answer is not that of a Hugging Face hub; check HF_ENDPOINT" in refused("hf://o/n")


def test_a_repository_that_was_renamed(a_hub):
    for file in ("README.md", "config.json", "preprocessor_config.json", "model.safetensors"):
        headers = {"Location": f"/o/n/resolve/main/{file}"}
        a_hub.server.replies[f"/old/n/resolve/main/{file}"] = Reply(status=307, headers=headers)
    assert find_weights("hf://old/n").path.read_bytes() == WEIGHTS


def test_a_busy_hub_is_asked_again(a_hub):
    path = "/o/n/resolve/main/README.md"
    right, busy = a_hub.server.replies[path], Reply(status=503)
    busy.before = lambda: a_hub.server.replies.update({path: right})
    a_hub.server.replies[path] = busy
    assert find_weights("hf://o/n").licence == "apache-2.0"
    a_hub.server.replies["/o/n/resolve/main/best.pt"] = Reply(status=429)
    assert "the server refuses (status 429)" in refused("hf://o/n/best.pt")


@pytest.mark.parametrize("endpoint", ["huggingface.co", "ftp://127.0.0.1", "http://[", "http://a b"])
def test_an_endpoint_that_is_no_address(monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert f"{endpoint}/o/n/resolve/main/model.safetensors cannot be reached" in refused("hf://o/n")


# --- without the hub --------------------------------------------------------------------------------------------------


def test_the_commit_of_a_branch_is_remembered(a_hub, monkeypatch):
    path = find_file(Repository("o/n"), "config.json")
    assert (Repository("o/n").folder() / "refs" / "main").read_text() == COMMIT
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_file(Repository("o/n"), "config.json") == path


def test_offline_the_cache_is_enough(a_hub, monkeypatch):
    found = find_weights("hf://o/n")
    asked = a_hub.asked()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_weights("hf://o/n") == found and a_hub.asked() == asked


def test_offline_a_missing_file_is_told(a_hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "true")
    url, place = f"{a_hub.server.url}/o/n/resolve/main/model.safetensors", tmp_path / "segbox/hf/o/n/model.safetensors"
    assert refused("hf://o/n") == (
        f"{url} is not on this machine, and HF_HUB_OFFLINE forbids to download it; unset it. Fetch the file by"
        f" other means and put it at {place}, or name the path of a file, or begin at random"
    )
    assert not a_hub.asked()


def test_a_file_that_was_put_by_hand(a_hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = tmp_path / "segbox/hf/o/n/model.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    found = find_weights("hf://o/n")
    assert found.path == place and found.others == {} and found.licence is None
    (place.parent / "README.md").write_bytes(README)
    found = find_weights("hf://o/n")
    assert found.others == {"README.md": place.parent / "README.md"} and found.licence == "apache-2.0"


def test_a_file_that_was_put_by_hand_comes_before_the_downloaded_one(a_hub, tmp_path):
    downloaded = find_weights("hf://o/n").path
    place = tmp_path / "segbox/hf/o/n/model.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert find_weights("hf://o/n").path == place != downloaded


def test_revisions_have_their_own_places_by_hand(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = tmp_path / "segbox/hf/o/n@v2/model.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert find_weights("hf://o/n@v2").path == place
    assert f"put it at {tmp_path}/segbox/hf/o/n/model.safetensors" in refused("hf://o/n")


def test_another_name_that_was_put_by_hand(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = tmp_path / "segbox/hf/o/n/pytorch_model.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert find_weights("hf://o/n").path == place


def test_without_a_network(monkeypatch, tmp_path):
    with running() as gone:
        monkeypatch.setenv("HF_ENDPOINT", gone.url)
    message = refused("hf://o/n")
    assert message.startswith(f"{gone.url}/o/n/resolve/main/model.safetensors cannot be reached: Connection refused. ")
    assert f"put it at {tmp_path}/segbox/hf/o/n/model.safetensors" in message


# --- the package huggingface_hub --------------------------------------------------------------------------------------


def by_the_package(code: str) -> list[str]:
    """What its code prints, in a process of its own: it reads the environment at import, and keeps connections."""
    pytest.importorskip("huggingface_hub")
    code = f"import huggingface_hub as hub; from huggingface_hub import constants; {code}"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_huggingface_hub_reads_what_segbox_wrote(a_hub, monkeypatch):
    found = find_weights("hf://o/n")
    asked = a_hub.asked()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    size = "info = hub.scan_cache_dir(); print(info.size_on_disk, len(info.warnings))"
    lines = by_the_package(f"print(hub.hf_hub_download('o/n', 'model.safetensors')); {size}")
    assert lines == [str(found.path), f"{len(WEIGHTS) + len(README) + 2} 0"] and a_hub.asked() == asked


def test_segbox_reads_what_huggingface_hub_wrote(a_hub, monkeypatch):
    lines = by_the_package("print(hub.hf_hub_download('o/n', 'model.safetensors'))")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert lines == [str(cached(Repository("o/n"), "model.safetensors"))] == [str(find_weights("hf://o/n").path)]


def test_the_cache_is_where_huggingface_hub_has_it(monkeypatch, tmp_path):
    for name, value in (("HF_HUB_CACHE", "~/h"), ("HF_HOME", "$HOME/x"), ("XDG_CACHE_HOME", str(tmp_path / "c"))):
        for other in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, value)
        lines = by_the_package("print(constants.HF_HUB_CACHE); print(constants.HF_TOKEN_PATH)")
        assert lines == [str(hub.hub_cache()), str(hub.hub_home() / "token")]


def test_a_disk_without_links_gets_copies(a_hub, monkeypatch):
    def no_links(*arguments):
        raise OSError("no links here")

    monkeypatch.setattr(hub.os, "symlink", no_links)
    found = find_weights("hf://o/n").path
    assert not found.is_symlink() and found.read_bytes() == WEIGHTS
    assert find_file(Repository("o/n"), "model.safetensors") == found
