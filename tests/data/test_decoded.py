import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from segbox.data import decoded
from segbox.data.datasets import pairs
from segbox.data.decoded import GRAIN, DecodedCache, open_cache
from segbox.data.loader import build_dataset, train_loader
from segbox.data.settings import DataSettings
from tests.faulty_data import blocky_label, smooth_image

PIPELINE = [
    dict(type="RandomResize"),
    dict(type="RandomCrop", size=(40, 50), cat_max_ratio=0.9),
    dict(type="RandomFlip"),
    dict(type="PhotoMetricDistortion"),
]


@pytest.fixture
def root(tmp_path) -> Path:
    for folder in ("images", "annotations"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for number in range(5):
        write(tmp_path / "set", number, seed=number)
    return tmp_path / "set"


def write(root: Path, number: int, seed: int) -> None:
    cv2.imwrite(str(root / "images" / f"{number}.jpg"), smooth_image(90, 110, seed=seed))
    cv2.imwrite(str(root / "annotations" / f"{number}.png"), blocky_label(90, 110))


def dataset_of(root: Path, cache: DecodedCache | None = None, **config):
    dataset = build_dataset(
        dict(type="FolderDataset", root=str(root), classes=list("abcd"), pipeline=PIPELINE, **config)
    )
    dataset.cache = cache
    return dataset


def cache_in(tmp_path, limit: int = 2**30, run: str = "run") -> DecodedCache:
    (tmp_path / "cache").mkdir(exist_ok=True)
    return DecodedCache(tmp_path / "cache", limit, run)


def entries(cache: DecodedCache) -> list[Path]:
    return sorted(path for path in cache.folder.glob("??/*") if len(path.name) == 32)


def samples(dataset, count: int = 20) -> list[np.ndarray]:
    drawn = [dataset[number % len(dataset), number] for number in range(count)]
    return [array for sample in drawn for array in (sample["image"], sample["label"])]


def assert_equal(one, other):
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


def refuse(*_, **__):
    raise AssertionError("the file is read again")


def test_samples_are_the_same_and_are_decoded_once(root, tmp_path, monkeypatch):
    plain = samples(dataset_of(root))
    cached = dataset_of(root, cache_in(tmp_path))
    assert_equal(samples(cached), plain)
    for reader in ("read_image", "read_label", "read_late", "read_label_late"):
        monkeypatch.setattr(pairs, reader, refuse)
    assert_equal(samples(cached), plain)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_in_any_number_of_workers_are_the_same(root, tmp_path, workers):
    plain, cached = dataset_of(root), dataset_of(root, cache_in(tmp_path))
    for start in (0, 6):  # a run, and where it is resumed
        pairs_of_batches = zip(train_loader(plain, 2, 0, start), train_loader(cached, 2, 0, start, workers), range(5))
        for own, other, _ in pairs_of_batches:
            assert (own["images"] == other["images"]).all() and (own["labels"] == other["labels"]).all()
            assert own["paths"] == other["paths"]


def test_a_changed_file_of_the_same_size_is_read_again(root, tmp_path):
    cached, file = dataset_of(root, cache_in(tmp_path)), root / "images" / "3.jpg"
    file.write_bytes(file.read_bytes().ljust(20_000, b"\0"))
    before = cached.load(3)["image"]
    write(root, 3, seed=77)
    file.write_bytes(file.read_bytes().ljust(20_000, b"\0"))
    os.utime(file, ns=(1, 2))
    assert file.stat().st_size == 20_000
    after = cached.load(3)["image"]
    assert (after != before).any()
    assert (after == dataset_of(root).load(3)["image"]).all()


def test_what_is_read_differently_is_another_entry(root, tmp_path):
    cache = cache_in(tmp_path)
    assert dataset_of(root, cache).load(0)["image"].shape == (90, 110, 3)
    assert dataset_of(root, cache, channels=1).load(0)["image"].shape == (90, 110, 1)


def test_a_missing_file_has_its_usual_message(root, tmp_path):
    cached = dataset_of(root, cache_in(tmp_path))
    (root / "images" / "2.jpg").unlink()
    with pytest.raises(ValueError, match="there is no such file"):
        cached.load(2)


def test_changing_a_sample_leaves_the_cache_as_it_is(root, tmp_path):
    cached = dataset_of(root, cache_in(tmp_path))
    cached.load(0)
    sample = cached.load(0)
    before = sample["image"].copy()
    sample["image"][:] = 0
    assert (cached.load(0)["image"] == before).all()


def test_a_full_cache_says_so_once_and_reads_on(root, tmp_path):
    plain = samples(dataset_of(root))
    limit = 2 * (90 * 110 * 4) + GRAIN
    cached = dataset_of(root, cache_in(tmp_path, limit))
    with pytest.warns(
        UserWarning, match=r"data\.cache: its limit, .* GB, is reached \(data\.cache_limit sets it\)"
    ) as said:
        assert_equal(samples(cached), plain)
    assert len(said) == 1
    cached.cache._say_full("for a process that saw it at the same time")  # warnings are errors
    assert sum(path.stat().st_size for path in entries(cached.cache)) <= limit


def test_a_full_disk_is_no_crash(root, tmp_path, monkeypatch):
    cached = dataset_of(root, cache_in(tmp_path))

    def full(array, file):
        file.write(bytes(array.nbytes // 2))
        raise OSError(errno.ENOSPC, "No space left on device")

    plain = samples(dataset_of(root))
    monkeypatch.setattr(decoded, "_write", full)
    with pytest.warns(UserWarning, match="No space left on device") as said:
        assert_equal(samples(cached), plain)
    assert len(said) == 1
    assert not entries(cached.cache) and not list((cached.cache.folder / "partial").iterdir())


def test_a_damaged_entry_is_made_again(root, tmp_path):
    cached = dataset_of(root, cache_in(tmp_path))
    plain = samples(cached)
    for number, entry in enumerate(entries(cached.cache)):
        entry.write_bytes(entry.read_bytes()[: (0, 40, 5000)[number % 3]])
    assert_equal(samples(cached), plain)
    assert min(entry.stat().st_size for entry in entries(cached.cache)) > 9000


def test_wrappers_hand_the_cache_on(root, tmp_path, monkeypatch):
    inner = dict(type="FolderDataset", root=str(root), classes=list("abcd"))
    cached = build_dataset(dict(type="RepeatDataset", times=2, dataset=inner))
    cached.cache = cache_in(tmp_path)
    assert cached[7, 0] is not None
    monkeypatch.setattr(pairs, "read_image", refuse)
    assert cached[2, 0] is not None


def test_the_cache_of_disk_stays_and_counts_what_is_there(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBOX_CACHE", str(tmp_path / "own"))
    open_cache.cache_clear()
    first = dataset_of(root, open_cache("disk", 0.001))
    with pytest.warns(UserWarning, match="is reached"):
        [first.load(number) for _ in range(8) for number in range(5) if not write(root, number, _ * 5 + number)]
    open_cache.cache_clear()
    second = open_cache("disk", 0.001)
    assert second.run != first.cache.run and not second._full_sign.exists()
    assert second._used() == first.cache._used() > 0
    open_cache.cache_clear()


def test_settings():
    assert DataSettings().with_cache("the data set") == "the data set"
    with pytest.raises(ValueError, match="cache_limit=0: expected GB, above 0"):
        DataSettings(cache="ram", cache_limit=0)


RUN = """
import os, sys
from pathlib import Path
from segbox.data.decoded import open_cache

def folder():
    cache = open_cache("ram", 0.01)
    assert open_cache("ram", 0.01) is cache
    return cache.folder

name = Path(sys.argv[1])
if not os.fork():
    name.write_text(str(folder()))
    os.kill(os.getpid(), 9)
os.wait()
killed = Path(name.read_text())
assert killed.is_dir()
own = folder()
assert own.is_dir() and own != killed and not killed.exists()
print(own)
"""


@pytest.mark.skipif(not decoded.SHARED_MEMORY.is_dir(), reason="a Linux machine")
def test_memory_is_given_back(tmp_path):
    """At the end of a run, and by the next run where one was killed."""
    done = subprocess.run([sys.executable, "-c", RUN, tmp_path / "name"], capture_output=True, text=True)
    assert done.stderr == ""
    own = Path(done.stdout.strip())
    assert own.parent == decoded.SHARED_MEMORY and not own.exists()


def test_nothing_is_said_without_a_reason(root, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples(dataset_of(root, cache_in(tmp_path)))
