import multiprocessing
import os
import random
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

import segbox.data
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.loader import bits_of, train_loader, val_loader
from segbox.data.transforms.pipeline import Pipeline
from segbox.errors import DataError, UserError
from tests.faulty_data import cut, write_pairs

PIPELINE = [{"type": "RandomCrop", "size": 24}, {"type": "RandomFlip"}, {"type": "PhotoMetricDistortion"}]


def same(batch: dict, other: dict) -> bool:
    return (
        torch.equal(batch["images"], other["images"])
        and torch.equal(batch["labels"], other["labels"])
        and batch["paths"] == other["paths"]
    )


def train_batches(number: int, **arguments) -> list[dict]:
    dataset = ShapesDataset(7, size=(32, 32), pipeline=PIPELINE)
    return list(islice(train_loader(dataset, seed=3, **arguments), number))


def test_workers_do_not_change_the_stream():
    alone, helped = (train_batches(5, batch_size_per_process=4, workers=workers) for workers in (0, 2))
    assert all(same(*pair) for pair in zip(alone, helped, strict=True))


@pytest.mark.slow
def test_workers_that_are_no_copies_of_the_process_draw_the_same(tmp_path):
    """As on macOS and Windows: they get the data set by pickle, and import everything again."""
    script = (
        "import multiprocessing, torch\n"
        "from tests.data.test_loader import train_batches\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('spawn')\n"
        "    torch.save(train_batches(2, batch_size_per_process=4, workers=1), 'batches.pt')\n"
    )
    (tmp_path / "spawned.py").write_text(script)
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "spawned.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, check=True)
    helped = torch.load(tmp_path / "batches.pt", weights_only=True)
    assert all(same(*pair) for pair in zip(train_batches(2, batch_size_per_process=4), helped, strict=True))


def test_starting_later_is_the_rest_of_the_stream():
    assert same(train_batches(1, batch_size_per_process=4, start=8)[0], train_batches(3, batch_size_per_process=4)[2])


def test_two_processes_share_the_batch_of_one():
    one = train_batches(2, batch_size_per_process=4)
    two = [train_batches(2, batch_size_per_process=2, rank=rank, world_size=2) for rank in range(2)]
    for step in range(2):
        shared = torch.cat([two[0][step]["images"], two[1][step]["images"]])
        assert torch.equal(shared[[0, 2, 1, 3]], one[step]["images"])


def test_validation_sees_everything_once():
    dataset = ShapesDataset(7, size=(32, 32), transform_labels=False)
    for workers, world_size in ((0, 1), (0, 3), (2, 2)):
        loaders = [val_loader(dataset, 2, workers, rank, world_size) for rank in range(world_size)]
        for _ in range(2):  # evaluated again
            paths = [item["path"] for loader in loaders for batch in loader for item in batch]
            assert sorted(paths) == [f"shapes-0-0000{i}" for i in range(7)]
        assert sum(map(len, loaders)) == sum(-(-len(range(r, 7, world_size)) // 2) for r in range(world_size))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mistake_arrives_as_it_was_made(tmp_path, workers):
    write_pairs(tmp_path, ["a"])
    cut(tmp_path / "images/train/a.jpg")
    with pytest.raises(DataError) as caught:
        next(iter(train_loader(FolderDataset(str(tmp_path), "train"), 1, seed=0, workers=workers)))
    assert str(caught.value).startswith(f"{tmp_path}/images/train/a.jpg: the file is cut off")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, 1])
def test_sizes_that_differ_in_a_batch(tmp_path, workers):
    write_pairs(tmp_path, ["a"])
    write_pairs(tmp_path, ["b"], size=(20, 32))
    with pytest.raises(DataError, match=r"differ in size: .*[ab].jpg.*end the training pipeline with RandomCrop"):
        next(iter(train_loader(FolderDataset(str(tmp_path), "train"), 2, seed=0, workers=workers)))


@pytest.mark.skipif(
    multiprocessing.get_all_start_methods()[0] != "fork", reason="the worker must have what the test replaces"
)
@pytest.mark.parametrize("loader", [train_loader, val_loader])
def test_a_batch_that_does_not_fit_into_shared_memory_is_told(loader, monkeypatch):
    """PyTorch's worker would lose it, and the run would wait for ever."""
    dataset = ShapesDataset(2, size=(32, 32), transform_labels=False)
    needed = 2 * 32 * 32 * (3 + 1)  # bytes
    for left in (needed - 1, needed):
        monkeypatch.setattr("segbox.data.loader.shared_memory_left", lambda left=left: left)
        arguments = {"seed": 0} if loader is train_loader else {}
        assert len(next(iter(loader(dataset, 2, workers=0, **arguments))))
        with closing(iter(loader(dataset, 2, workers=1, **arguments))) as batches:
            if left < needed:
                with pytest.raises(UserError, match=r"has 0\.00781 MB of .* a batch of 0\.00781 MB.*--shm-size"):
                    next(batches)
            else:
                assert len(next(batches))


def test_a_batch_of_unreadable_files_is_left_out_of_evaluation(tmp_path):
    write_pairs(tmp_path, ["a", "b", "c"])
    cut(tmp_path / "images/train/b.jpg")
    dataset = FolderDataset(str(tmp_path), "train", skip_unreadable=True)
    with pytest.warns(UserWarning, match="left out"):
        batches = list(val_loader(dataset))
    assert [[item["path"][-5:] for item in batch] for batch in batches] == [["a.jpg"], ["c.jpg"]]


def test_the_bits_of_a_config_are_those_of_its_sets():
    deep = {"type": "FolderDataset", "root": "x", "bits": 16}
    concat = {"type": "ConcatDataset", "datasets": [deep, {"type": "RepeatDataset", "times": 2, "dataset": deep}]}
    assert [bits_of(c) for c in ({}, {"type": "ShapesDataset"}, deep, concat)] == [8, 8, 16, 16]


@pytest.mark.parametrize("how", ["left", "broken", "over"])
def test_a_pass_that_is_over_has_no_workers(how):
    loader = val_loader(ShapesDataset(9, size=(32, 32), transform_labels=False), 2, workers=2)
    held = []  # as a traceback holds the pass that an error has left

    def go_through():
        with closing(iter(loader)) as batches:
            held.append(batches)
            for batch in batches:
                assert batch and multiprocessing.active_children()
                if how == "left":
                    return
                if how == "broken":
                    raise ZeroDivisionError

    if how == "broken":
        with pytest.raises(ZeroDivisionError):
            go_through()
    else:
        go_through()
    assert not multiprocessing.active_children() and held


class Breaks(ShapesDataset):
    def load(self, index):
        raise ZeroDivisionError


def test_a_bug_in_a_worker_ends_the_workers():
    batches = iter(train_loader(Breaks(3, size=(32, 32)), 2, seed=0, workers=2))
    with pytest.raises(ZeroDivisionError):
        next(batches)
    assert not multiprocessing.active_children()


class Noise:
    """A transform of a user's own, which draws from all the global generators."""

    def __call__(self, sample, rng):
        noise = [random.random(), np.random.rand(), torch.rand(1).item(), rng.random()]
        return {**sample, "path": repr(noise)}


def noise(number: int, **arguments) -> list[list[float]]:
    dataset = ShapesDataset(5, size=(16, 16), pipeline=Pipeline([Noise()]))
    batches = islice(train_loader(dataset, 1, seed=3, **arguments), number)
    return [eval(path) for batch in batches for path in batch["paths"]]


def test_the_global_generators_are_a_function_of_the_draw():
    alone = noise(12)
    assert noise(12, workers=2) == alone and noise(4, start=8) == alone[8:]
    hands = [noise(6, rank=rank, world_size=2, workers=rank) for rank in range(2)]
    assert [found for turn in zip(*hands) for found in turn] == alone
    drawn = [value for found in alone for value in found]
    assert len(set(drawn)) == len(drawn) == 48  # no two images alike, and no two generators


def test_in_evaluation_the_global_generators_are_a_function_of_the_image():
    dataset = ShapesDataset(5, size=(16, 16), pipeline=Pipeline([Noise()]))
    found = [[item["path"] for batch in val_loader(dataset, 2, workers) for item in batch] for workers in (0, 2)]
    assert found[0] == found[1] and len(set(found[0])) == 5


def test_global_randomness_is_left_alone():
    states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state())
    train_batches(2, batch_size_per_process=2)
    train_batches(1, batch_size_per_process=2, workers=1)
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


def test_the_data_floor_does_not_import_torchvision():
    files = list(Path(segbox.data.__path__[0]).rglob("*.py"))
    assert len(files) > 10
    assert not [file for file in files if "torchvision" in file.read_text()]
