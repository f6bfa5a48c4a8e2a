import io
import tarfile
import warnings
import zipfile
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from segbox.data import archives, places
from segbox.data.loader import build_dataset, train_loader
from segbox.data.readers.files import read_image
from segbox.data.readers.headers import read_header
from segbox.doctor.check import check_datasets
from segbox.errors import DataError
from tests.faulty_data import blocky_label, smooth_image

KINDS = ("stored.zip", "deflated.zip", "plain.tar")
PIPELINE = [dict(type="RandomResize"), dict(type="RandomCrop", size=(24, 30)), dict(type="RandomFlip")]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBOX_CACHE", str(tmp_path / "cache"))
    archives._opened.cache_clear()


@pytest.fixture
def root(tmp_path) -> Path:
    """A data set in a folder, inside of another."""
    root = tmp_path / "plain" / "My set"
    for number in range(5):
        split = "train" if number < 3 else "val"
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / "images" / split / f"{number}.jpg"), smooth_image(50, 60, seed=number))
        cv2.imwrite(str(root / "annotations" / split / f"{number}.png"), blocky_label(50, 60))
    (root / "classes.txt").write_bytes(b"a\r\nb\r\nc\r\nd\r\n")
    (root / "images" / "train" / "._0.jpg").write_bytes(b"of macOS")
    return root


def pack(root: Path, target: Path, kind: str) -> Path:
    """The folder, in an archive of this kind."""
    target = target / kind
    files = sorted(path for path in root.rglob("*") if path.is_file())
    if kind.endswith(".tar"):
        with tarfile.open(target, "w") as archive:
            archive.add(root, f"./{root.name}")
    else:
        method = zipfile.ZIP_STORED if kind.startswith("stored") else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(target, "w", method) as archive:
            for path in files:
                archive.write(path, Path(root.name) / path.relative_to(root))
    return target


def config_of(root: Path, split: str = "train") -> dict:
    return dict(type="FolderDataset", root=str(root), split=split, pipeline=PIPELINE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_set_in_an_archive_is_the_same(root, tmp_path, kind):
    inside = build_dataset(config_of(pack(root, tmp_path, kind) / "My set"))
    outside = build_dataset(config_of(root))
    assert inside.classes == outside.classes and len(inside) == len(outside) == 3
    for index in range(3):
        one, other = inside[index, index], outside[index, index]
        assert (one["image"] == other["image"]).all() and (one["label"] == other["label"]).all()
        assert one["path"] == str(tmp_path / kind / "My set" / "images" / "train" / f"{index}.jpg")


def test_workers_and_a_resumed_run_get_the_same_batches(root, tmp_path):
    inside = build_dataset(config_of(pack(root, tmp_path, "deflated.zip") / "My set"))
    outside = build_dataset(config_of(root))
    with closing(iter(train_loader(inside, 2, 0, 4, workers=2))) as batches:
        for own, other, _ in zip(batches, train_loader(outside, 2, 0, 4), range(3)):
            assert (own["images"] == other["images"]).all() and (own["labels"] == other["labels"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_doctor_reads_archives(root, tmp_path, kind):
    archive = pack(root, tmp_path, kind) / "My set"
    report = check_datasets("a config", {"train": config_of(archive), "val": config_of(archive, "val")})
    plain = check_datasets("a config", {"train": config_of(root), "val": config_of(root, "val")})
    assert [problem.kind for problem in report.problems] == [problem.kind for problem in plain.problems]
    assert (report.splits["train"].pixels == plain.splits["train"].pixels).all()


@pytest.mark.parametrize("kind", KINDS)
def test_folders_files_and_headers(root, tmp_path, kind):
    archive = pack(root, tmp_path, kind)
    assert (
        places.is_folder(archive)
        and places.is_folder(archive / "My set")
        and places.is_folder(archive / "My set/images")
    )
    assert not places.is_folder(archive / "My") and not places.is_folder(archive / "My set/classes.txt")
    assert places.is_file(archive / "My set/classes.txt") and not places.is_file(archive / "My set/images")
    assert ("images/train/", "0.jpg") in set(places.walk(archive / "My set"))
    assert read_header(archive / "My set/images/train/0.jpg").channels == 3
    assert read_header(archive / "My set/images/train/9.jpg") is None


def test_a_folder_may_be_called_like_an_archive(root, tmp_path):
    other = root.rename(tmp_path / "set.zip")
    assert places.split(other / "classes.txt") is None
    assert len(build_dataset(config_of(other))) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_of_files_is_made_once(root, tmp_path, monkeypatch, kind):
    archive = pack(root, tmp_path, kind)
    assert places.is_folder(archive / "My set")
    archives._opened.cache_clear()  # another process
    monkeypatch.setattr(archives, "_entries", None)
    assert places.is_file(archive / "My set/classes.txt")


def test_a_changed_archive_is_listed_again(root, tmp_path):
    archive = pack(root, tmp_path, "stored.zip")
    assert not places.is_file(archive / "new.txt")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("new.txt", "x")
    assert places.read_bytes(archive / "new.txt") == b"x"


def test_of_two_files_of_one_name_the_last_counts(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for text in (b"old", b"newer"):
            info = tarfile.TarInfo("a.txt")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    assert places.read_bytes(tmp_path / "a.tar" / "a.txt") == b"newer"


def test_without_a_folder_of_caches(root, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGBOX_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="its list of files cannot be kept in .*SEGBOX_CACHE names another folder"):
        assert places.is_folder(pack(root, tmp_path, "plain.tar") / "My set")


# --- archives that cannot be read ------------------------------------------------------------------------------------


def message(path) -> str:
    with warnings.catch_warnings(), pytest.raises(DataError) as caught:
        warnings.simplefilter("error")
        read_image(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_is_named(root, tmp_path, kind):
    path = pack(root, tmp_path, kind) / "My set/images/train/9.jpg"
    assert message(path) == f"{path}: there is no such file in the archive"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0, 0.6, 1 - 1e-3])
def test_a_cut_archive(root, tmp_path, kind, kept):
    archive = pack(root, tmp_path, kind)
    data = archive.read_bytes().rstrip(b"\0")
    archive.write_bytes(data[: int(len(data) * kept)])
    said = message(archive / "My set/images/train/0.jpg")
    assert str(archive) in said and "copy or download it again" in said


@pytest.mark.parametrize("kind", ["stored.zip", "deflated.zip"])
def test_a_damaged_file_in_a_zip(root, tmp_path, kind):
    archive = pack(root, tmp_path, kind)
    path = archive / "My set/images/train/0.jpg"
    start = int(archives.open_archive(str(archive)).row_of("My set/images/train/0.jpg")[0])
    data = bytearray(archive.read_bytes())
    data[start + 200 : start + 260] = bytes(60)
    archive.write_bytes(data)
    assert message(path) == f"{path}: is damaged inside of the archive; copy or download the archive again"


@pytest.mark.parametrize("name", ["set.tar.gz", "set.tgz", "set.tar"])
def test_compressed_tars_are_refused(root, tmp_path, name):
    with tarfile.open(tmp_path / name, "w:gz") as archive:
        archive.add(root, root.name)
    said = message(tmp_path / name / "My set/images/train/0.jpg")
    assert "is compressed as a whole" in said and "gunzip -k" in said


def test_passwords_and_other_methods_are_refused(root, tmp_path):
    archive = pack(root, tmp_path, "stored.zip")
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1
    archive.write_bytes(data)
    assert "is encrypted; make an archive without a password" in message(archive / "My set/images/train/0.jpg")
    with zipfile.ZipFile(tmp_path / "other.zip", "w", zipfile.ZIP_LZMA) as other:
        other.writestr("a.jpg", np.zeros(100, np.uint8).tobytes())
    assert "is compressed by method 14; stored and deflated files can be read" in message(tmp_path / "other.zip/a.jpg")
