"""Files of safetensors: known by content, read lazily, refused when damaged."""

import pytest
import safetensors.torch
import torch

from segbox.errors import CheckpointError
from segbox.weights.loading import read_checkpoint, read_weights
from segbox.weights.safetensors_file import is_safetensors

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor(7), "half": torch.ones(2, dtype=torch.bfloat16)}


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_tensors_are_read_whatever_the_file_is_called(tmp_path, name, lazily):
    safetensors.torch.save_file(WEIGHTS, tmp_path / name, {"format": "pt"})
    found = read_checkpoint(tmp_path / name, lazily)
    assert found.keys() == WEIGHTS.keys()
    assert all(
        torch.equal(value, WEIGHTS[name]) and value.dtype == WEIGHTS[name].dtype for name, value in found.items()
    )
    assert torch.equal(read_weights(tmp_path / name)["a.weight"], WEIGHTS["a.weight"])


@pytest.mark.parametrize("lazily", [False, True])
def test_lazy_tensors_alone_follow_the_file(tmp_path, lazily):
    """They are read when they are used, and not before."""
    safetensors.torch.save_file({"a": torch.ones(3)}, tmp_path / "a.safetensors")
    found = read_checkpoint(tmp_path / "a.safetensors", lazily)
    with (tmp_path / "a.safetensors").open("r+b") as file:
        file.seek(-12, 2)
        file.write(bytes(12))
    assert torch.equal(found["a"], torch.zeros(3) if lazily else torch.ones(3))


@pytest.mark.parametrize("size", [20, 100, -1, -8])
def test_damaged_files_are_refused_in_one_line(tmp_path, size):
    whole = safetensors.torch.save(WEIGHTS)
    (tmp_path / "a.safetensors").write_bytes(whole[:size])
    assert is_safetensors(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(tmp_path / "a.safetensors")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'a.safetensors'}: is a truncated or damaged file of safetensors (")
    assert "\n" not in message


def test_other_files_are_not_taken_for_safetensors(tmp_path):
    torch.save(WEIGHTS, tmp_path / "a.pt")
    (tmp_path / "b").write_bytes(b'{"a": 1}')
    (tmp_path / "c").write_bytes(bytes(8) + b"{")
    assert not any(is_safetensors(tmp_path / name) for name in ("a.pt", "b", "c"))
