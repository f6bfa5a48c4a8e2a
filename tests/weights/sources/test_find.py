"""Words that name a weight file."""

import hashlib
import logging

import pytest

from segbox.errors import CheckpointError
from segbox.weights.sources import web
from segbox.weights.sources.find import find_weights
from tests.weights.sources.server import Reply


def refused(word: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        find_weights(word)
    return str(caught.value)


def test_a_path_is_a_word(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"weights")
    found = find_weights(tmp_path / "a.pt")
    assert (found.word, found.path) == (str(tmp_path / "a.pt"), tmp_path / "a.pt")
    assert (found.licence, found.card, dict(found.others)) == (None, None, {})


def test_a_file_is_downloaded_once(server):
    server.replies["/a.pth"] = Reply(b"weights")
    paths = {find_weights(f"{server.url}/a.pth").path for _ in range(2)}
    assert len(server.asked) == 1 and [path.read_bytes() for path in paths] == [b"weights"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("gone.pt", "there is no checkpoint gone.pt"),
        ("resnet50", 'there is no checkpoint resnet50. Did you mean "torchvision://resnet50"?'),
        ("torchvison://resnet50", "there is no source 'torchvison'. Did you mean \"torchvision\"?"),
        ("file:///etc/passwd", "there is no source 'file'. A weight file is a path, or begins with torchvision://"),
        ("torchvision://resnet5", 'segbox knows no weights of this name. Did you mean "resnet50"? Known: resnet18'),
        ("torchvision://resnet50.V3", "resnet50 has IMAGENET1K_V1 and IMAGENET1K_V2"),
        ("timm://resnet50", "expected timm://NAME.TAG, such as timm://resnet50.a1_in1k"),
        ("hf://resnet50", "expected hf://OWNER/NAME"),
        ("hf://a/../x", "expected hf://OWNER/NAME"),
        ("hf://a/b/../../x", "expected hf://OWNER/NAME"),
        ("hf://a/b@..", "expected hf://OWNER/NAME"),
        ("https://host", "expected the address of a file"),
        ("https://host/a.pth#md5=1", "expected #sha256="),
        ("https://[host/a.pth", "is no address"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_is_asked(word, message):
    assert message in refused(word)


def test_the_hash_of_the_word_must_be_that_of_the_file(server, tmp_path):
    server.replies["/a.pth"] = Reply(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert find_weights(f"{server.url}/a.pth#sha256={digest}").path.read_bytes() == b"weights"
    found = find_weights(f"{server.url}/a.pth#sha256={digest[:8].upper()}")
    found.path.write_bytes(b"spoilt")
    assert "its hash begins with" in refused(f"{server.url}/a.pth#sha256={digest}")


def test_a_hash_in_a_name_counts_on_hosts_that_write_it_there():
    digest, path = "0676ba61", "models/net-0676ba61.pth"
    for host in ("download.pytorch.org", "download.openmmlab.com"):
        assert web.locate(f"https://{host}/{path}").digest == digest
        assert web.locate(f"https://{host}/models/net.pth").digest == ""
    assert web.locate(f"https://example.org/{path}").digest == ""  # there it may be a date
    assert web.locate(f"https://example.org/{path}#sha256=ABCDEF01").digest == "abcdef01"


def test_files_of_the_web_lie_in_their_own_folder_of_the_cache(server, tmp_path):
    server.replies["/a.pth"] = Reply(b"weights")
    place = find_weights(f"{server.url}/a.pth").path
    assert place.parent.parent == tmp_path / "segbox" / "web" and place.parent.name.startswith("127.0.0.1-")


def test_an_address_may_hold_any_letters(server):
    server.replies["/a%20b/%C3%A4.pth"] = Reply(b"weights")
    assert find_weights(f"{server.url}/a b/ä.pth").path.name == "ä.pth"
    assert find_weights(f"{server.url}/a%20b/%C3%A4.pth").path.read_bytes() == b"weights"
    assert len(server.asked) == 1


def test_two_addresses_with_one_name_are_two_files(server):
    server.replies |= {"/1/a.pth": Reply(b"one"), "/2/a.pth": Reply(b"two"), "/1/a.pth?v=2": Reply(b"three")}
    words = [server.url + path for path in server.replies]
    assert [find_weights(word).path.read_bytes() for word in words] == [b"one", b"two", b"three"]


def test_the_licence_is_told_once(server, caplog, monkeypatch):
    from segbox.weights.sources import find
    from segbox.weights.sources.location import Location

    server.replies["/a.pth"] = Reply(b"weights")
    locate = {"free": lambda name: Location(f"{server.url}/{name}", name, licence="MIT")}
    locate["bound"] = lambda name: Location(f"{server.url}/{name}", name, licence="cc-by-nc-4.0")
    monkeypatch.setattr(find, "LOCATORS", locate)
    with caplog.at_level(logging.INFO, "segbox"):
        for word in ("free://a.pth", "bound://a.pth") * 2:
            find_weights(word)
    lines = [(record.levelname, record.message) for record in caplog.records]
    assert lines == [
        ("INFO", "free://a.pth: licence MIT"),
        ("WARNING", "bound://a.pth: ITS LICENCE FORBIDS COMMERCIAL USE (cc-by-nc-4.0)"),
    ]


def test_of_known_weights_the_licence_and_the_card_are_known_too(server, monkeypatch):
    """Nothing but the file is asked for."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    etag = hashlib.sha256(b"weights").hexdigest()
    headers = {"X-Repo-Commit": "a" * 40, "ETag": f'"{etag}"'}
    for name in (
        "nvidia/mit-b0/resolve/main/pytorch_model.bin",
        "timm/xception41.tf_in1k/resolve/main/model.safetensors",
    ):
        server.replies[f"/{name}"] = Reply(b"weights", headers=headers)
    found = find_weights("timm://xception41.tf_in1k")
    assert (found.licence, found.card.mean, dict(found.others)) == ("Apache-2.0", (127.5, 127.5, 127.5), {})
    assert [asked.method for asked in server.asked] == ["HEAD", "GET"]
    assert "non-commercial" in find_weights("hf://nvidia/mit-b0").licence
    assert len(server.asked) == 4
