"""Weight files that would fill the memory: refused before PyTorch sees them."""

import io
import struct
import tarfile
import zipfile

import pytest
import torch

from segbox.engine.checkpoint import read_run
from segbox.errors import CheckpointError
from segbox.weights.loading import read_checkpoint, read_weights

LARGE = b"\x8a\x05" + (2**36).to_bytes(5, "little")  # a number in a pickle


@pytest.fixture
def file(tmp_path):
    torch.save({"w": torch.arange(10.0)}, tmp_path / "a.pt")
    return tmp_path / "a.pt"


def rewritten(file, change, compression=zipfile.ZIP_STORED):
    """The archive with `change(name, content)` as each member's content."""
    with zipfile.ZipFile(file) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(file, "w", compression) as new:
        for name, content in contents.items():
            new.writestr(name, change(name, content))
    return file


def refused(monkeypatch, file) -> str:
    """The message; PyTorch is not asked."""
    monkeypatch.setattr(torch, "load", lambda *arguments, **settings: pytest.fail("was read"))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(file)
    assert str(caught.value).startswith(f"{file}: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_compressed_archive(monkeypatch, file):
    rewritten(file, lambda name, content: bytes(2**24) if name.endswith("data/0") else content, zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 20_000
    assert (
        "a compressed archive (" in (message := refused(monkeypatch, file))
        and "167" in message.split("when expanded")[0].split(", ")[-1]
    )


def test_members_that_lie_upon_each_other(monkeypatch, tmp_path):
    file = tmp_path / "a.pt"
    torch.save({"w": torch.zeros(100_000)}, file)
    with zipfile.ZipFile(file) as archive:
        start, count = archive.start_dir, len(archive.infolist())
    data = file.read_bytes()
    listing = data[start : data.rfind(b"PK\x06\x06" if b"PK\x06\x06" in data else b"PK\x05\x06")]
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 9 * count, 9 * count, 9 * len(listing), start, 0)
    file.write_bytes(data[:start] + 9 * listing + end)
    assert ", 36" in refused(monkeypatch, file)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_number_that_fills_the_memory(monkeypatch, file, is_compressed):
    pickled = b"\x80\x02c__builtin__\nbytearray\n" + LARGE + b"\x85R."
    compression = zipfile.ZIP_DEFLATED if is_compressed else zipfile.ZIP_STORED
    rewritten(file, lambda name, content: pickled if name.endswith("data.pkl") else content, compression)
    assert ("compressed" if is_compressed else "holds a bytearray") in refused(monkeypatch, file)


def test_the_same_in_the_format_of_old(monkeypatch, tmp_path):
    torch.save({"w": bytearray(b"abc")}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert "holds a bytearray" in refused(monkeypatch, tmp_path / "a.pt")


def test_tars(monkeypatch, tmp_path):
    with tarfile.open(tmp_path / "a.pt", "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    assert "is a tar" in refused(monkeypatch, tmp_path / "a.pt")


def test_torchscript_is_told(monkeypatch, file):
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/constants.pkl", b"\x80\x02).")
    assert "is a TorchScript archive; save the model's state_dict()" in refused(monkeypatch, file)


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 10), reason="an older PyTorch believes what the file says"
)
@pytest.mark.parametrize("lazily", [False, True])
def test_a_storage_larger_than_the_file(file, lazily):
    rewritten(file, lambda name, content: content.replace(b"K\x0a", LARGE) if name.endswith("data.pkl") else content)
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        read_checkpoint(file, lazily)


@pytest.mark.parametrize("is_new", [False, True])
def test_files_of_both_formats_are_read(tmp_path, is_new):
    torch.save({"w": torch.arange(10.0)}, tmp_path / "a.pt", _use_new_zipfile_serialization=is_new)
    assert torch.equal(read_weights(tmp_path / "a.pt")["w"], torch.arange(10.0))


# --- what has no end once it is read ----------------------------------------------------------------------------------


def doubled(kind, times):
    value = kind([1, 2])
    for _ in range(times):
        value = kind([value, value])
    return value


def holding_itself():
    value = [1]
    value.append({"again": value})
    return value


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"inner": value}
    return value


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (holding_itself, "are nested more than 100 deep, or contain themselves"),
        (lambda: nested(101), "are nested more than 100 deep"),
        (lambda: [nested(60), *[[nested(60)]] * 3, [[nested(99)]]], "are nested more than 100 deep"),
        (lambda: doubled(list, 40), "expand to more than 10000000 values"),
        (lambda: doubled(tuple, 40), "expand to more than 10000000 values"),
        (lambda: {"a": {"b": doubled(list, 25)}}, "expand to more than 10000000 values"),
    ],
)
@pytest.mark.parametrize("place", ["hooks", "classes", "config", "model"])
def test_what_has_no_end_is_refused_before_it_is_used(tmp_path, make, reason, place):
    path = tmp_path / "a.pt"
    torch.save({"step": 1, "model": {}, "optimizer": {}, "hooks": {}, place: {"evaluate": make()}}, path)
    for read in (read_checkpoint, read_weights, read_run):
        with pytest.raises(CheckpointError, match=rf"a\.pt: refused, it contains dicts or lists that {reason}"):
            read(path)


def test_what_stands_in_several_places_is_read(tmp_path):
    shared = [1.0, {"a": (2, None)}]
    content = {
        "w": torch.ones(2),
        "a": [shared] * 1000,
        "b": nested(90),
        "c": doubled(tuple, 10),
        "d": list(range(10**4)),
    }
    torch.save(content, tmp_path / "a.pt")
    found = read_checkpoint(tmp_path / "a.pt")
    assert {key: found[key] for key in "abcd"} == {key: content[key] for key in "abcd"}


def test_a_shared_part_is_as_deep_as_the_deepest_place_where_it_stands(tmp_path):
    part = nested(60)
    deep = part
    for _ in range(50):
        deep = [deep]
    torch.save({"a": part, "b": deep}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="nested more than 100 deep"):
        read_checkpoint(tmp_path / "a.pt")
