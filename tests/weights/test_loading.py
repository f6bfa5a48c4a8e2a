"""Weight files: what is refused, what is told, and that nothing in them is run."""

import os
import pickle
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segbox.errors import CheckpointError
from segbox.weights.loading import load_weights, part_of, read_checkpoint, read_weights

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")


class Malicious:
    """Unpickled, it makes a folder."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def refused(path, lazily=False):
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, lazily)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_that_wants_to_run_code_is_refused_and_does_not_run(tmp_path, new_format):
    torch.save({"model": Malicious(tmp_path / "pwned")}, tmp_path / "a.pt", _use_new_zipfile_serialization=new_format)
    message = refused(tmp_path / "a.pt")
    assert "a pickle that wants to run code" in message and "mkdir" in message
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bare_pickle_is_refused_and_does_not_run(tmp_path, protocol):
    (tmp_path / "a.pt").write_bytes(pickle.dumps(Malicious(tmp_path / "pwned"), protocol))
    refused(tmp_path / "a.pt")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no checkpoint (0 bytes)"),
        (b"just some text\n", "is no checkpoint (15 bytes)"),
        (b"<!DOCTYPE html><html>not found</html>" * 9, "is no checkpoint"),
        (bytes(range(256)) * 4, "is no checkpoint"),
        (b"PK\x03\x04 and nothing", "is a truncated or damaged checkpoint"),
    ],
)
def test_files_that_are_no_checkpoints(tmp_path, content, message):
    (tmp_path / "a.pt").write_bytes(content)
    assert message in refused(tmp_path / "a.pt")


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_truncated_at_any_place(tmp_path, share, lazily):
    torch.save({"w": torch.zeros(1000)}, tmp_path / "a.pt")
    whole = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(whole[: int(len(whole) * share)])
    assert "truncated or damaged" in refused(tmp_path / "a.pt", lazily)


@pytest.mark.skipif(sys.platform != "linux", reason="counts the pages that are in memory")
def test_what_is_not_used_is_not_read(tmp_path):
    torch.save({"model": {"w": torch.ones(2**18)}, "optimizer": torch.ones(2**24)}, tmp_path / "a.pt")
    before = resident()
    content = read_checkpoint(tmp_path / "a.pt", lazily=True)
    assert content["model"]["w"].sum() == 2**18 and resident() - before < 2**24
    assert content["optimizer"].sum() == 2**24 and resident() - before > 2**26  # then it is


def resident() -> int:
    """Bytes of this process, those of mapped files included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("name", ["日本.pt", pytest.param("bad\udcff.pt", marks=ON_LINUX)])
def test_files_of_any_name_are_read(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        torch.save({"w": torch.ones(3)}, file)
    assert torch.equal(read_weights(tmp_path / name)["w"], torch.ones(3))


def test_a_key_that_has_changed(tmp_path):
    torch.save({"w": torch.zeros(3)}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    data = bytearray((tmp_path / "a.pt").read_bytes())
    data[data.rindex(b"X", 0, len(data) - 30) + 5] ^= 1  # of the list of storages
    (tmp_path / "a.pt").write_bytes(data)
    assert "is no checkpoint" in refused(tmp_path / "a.pt")


def test_folders_and_nothing(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        read_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("wrap", ["bare", "state_dict", "model", "ema", "module"])
def test_the_weights_of_many_layouts(tmp_path, wrap):
    weights = {"w": torch.arange(3.0)}
    other = {"w": torch.zeros(3)}
    content = {
        "bare": weights,
        "state_dict": {"state_dict": weights, "epoch": 3},
        "model": {"model": weights, "step": 5},
        "ema": {"model": other, "ema": weights},
        "module": {"module.w": weights["w"], "epoch": 3},
    }[wrap]
    torch.save(content, tmp_path / "a.pt")
    found = read_weights(tmp_path / "a.pt")
    assert list(found) == ["w"] and torch.equal(found["w"], weights["w"])


def test_a_part_of_a_whole_model(tmp_path):
    torch.save({"backbone.w": torch.ones(1), "head.w": torch.zeros(1)}, tmp_path / "a.pt")
    assert part_of(read_weights(tmp_path / "a.pt"), "backbone.") == {"w": torch.ones(1)}
    torch.save({"w": torch.ones(1)}, tmp_path / "b.pt")
    assert list(part_of(read_weights(tmp_path / "b.pt"), "backbone.")) == ["w"]


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], {"model": {}}, {}])
def test_files_without_weights(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="expected weights"):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_are_converted(kind):
    model = nn.Linear(3, 2)
    weights = {name: torch.ones_like(value, dtype=kind) for name, value in model.state_dict().items()}
    assert load_weights(model, weights, "a.pt").is_perfect()
    assert model.weight.dtype == torch.float32 and (model.weight == 1).all()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda w: w.int(), "holds int32, the model float32"),
        (lambda w: w.bool(), "holds bool, the model float32"),
        (lambda w: w.to(torch.complex64), "holds complex64, the model float32"),
        (lambda w: w.to_sparse(), "is sparse, quantized or without content"),
        (lambda w: w.to("meta"), "is sparse, quantized or without content"),
        (lambda w: w * torch.nan, "holds numbers that are NaN or infinite"),
        (lambda w: w - torch.inf, "holds numbers that are NaN or infinite"),
        (lambda w: w.double() * 1e300, "holds numbers that are too large"),
    ],
)
@pytest.mark.parametrize("skip_unfitting", [False, True])
def test_spoilt_numbers_are_refused_by_name(spoil, reason, skip_unfitting):
    model = nn.Linear(3, 2)
    nn.init.ones_(model.weight)
    weights = {"weight": spoil(torch.ones(2, 3)), "bias": torch.ones(2), "strange": torch.tensor(torch.nan)}
    with pytest.raises(CheckpointError, match=f"a.pt: cannot be used: weight {reason}. Take another checkpoint"):
        load_weights(model, weights, "a.pt", skip_unfitting)
    assert (model.weight == 1).all()


def test_of_many_spoilt_tensors_the_first_is_named():
    model = nn.Linear(3, 2)
    weights = {name: value.detach() * torch.nan for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"weight holds .* infinite, and 1 more tensors have such problems"):
        load_weights(model, weights, "a.pt")


def test_what_is_infinite_in_the_model_too_may_be_so_in_the_file():
    model = nn.Module()
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    assert load_weights(model, {"mask": torch.tensor([-torch.inf, 0.0])}, "a.pt").is_perfect()


def test_numpy_numbers_from_other_toolboxes_do_not_stop_the_weights(tmp_path):
    torch.save({"state_dict": {"w": torch.zeros(1)}, "best": np.float64(0.5)}, tmp_path / "a.pt")
    assert torch.equal(read_weights(tmp_path / "a.pt")["w"], torch.zeros(1))
