"""Folders that are laid out in other ways: a list elsewhere, one folder for both, files without a partner."""

import pytest

from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import MissingPairs
from segbox.errors import DataError
from tests.faulty_data import blocky_label, smooth_image, write_image, write_pairs


def stems(dataset):
    return [dataset.files(index)[0].stem for index in range(len(dataset))]


def test_a_list_of_names_elsewhere(tmp_path):
    root = write_pairs(tmp_path / "set", ["a", "b", "c"], split=".")
    (tmp_path / "some.txt").write_text("c\na\n")
    assert stems(FolderDataset(root, split_file=str(tmp_path / "some.txt"))) == ["c", "a"]
    assert stems(FolderDataset(root, split_file="../some.txt")) == ["c", "a"]
    with pytest.raises(ValueError, match="give only one of them"):
        FolderDataset(root, split="train", split_file="../some.txt")
    with pytest.raises(DataError, match=r"there is no split_file .*other.txt"):
        FolderDataset(root, split_file="other.txt")


def test_images_and_masks_in_one_folder(tmp_path):
    for name in "ab":
        write_image(tmp_path / f"{name}.png", smooth_image(24, 32))
        write_image(tmp_path / f"{name}_mask.png", blocky_label(24, 32, 3))
    places = {"images": ".", "annotations": ".", "label_suffix": "_mask.png", "classes": ["x", "y", "z"]}
    dataset = FolderDataset(tmp_path, **places)
    assert stems(dataset) == ["a", "b"] and dataset.load(1)["label_path"].endswith("b_mask.png")


def test_missing_partners(tmp_path):
    root = write_pairs(tmp_path, ["a", "b", "c"])
    (root / "images/train/a.jpg").unlink()
    (root / "annotations/train/c.png").unlink()
    with pytest.raises(
        MissingPairs, match=r"of 3 names, 1 have no image .*\(a\), and 1 have no mask .*\(c\)"
    ) as raised:
        FolderDataset(root, "train")
    assert raised.value.no_image == ["a"] and raised.value.no_mask == ["c"]
    with pytest.warns(UserWarning, match=r"left out are 1 images without mask \(c\) and 1 masks or names without"):
        dataset = FolderDataset(root, "train", allow_missing=True)
    assert stems(dataset) == ["b"] and dataset.missing == (["a"], ["c"])


def test_only_missing_partners(tmp_path):
    root = write_pairs(tmp_path, ["a"])
    (root / "images/train/a.jpg").unlink()
    with pytest.warns(UserWarning), pytest.raises(MissingPairs, match="have no image"):
        FolderDataset(root, "train", allow_missing=True)


def test_prefixes_and_lists_of_paths(tmp_path):
    for name in ("1", "2"):
        write_image(tmp_path / f"images/x/img_{name}.png", smooth_image(24, 32))
        write_image(tmp_path / f"annotations/x/mask_{name}_L.png", blocky_label(24, 32, 3))
    (tmp_path / "list.txt").write_text("/far/away/x/2.png /far/masks/2.png\n")
    names = {"image_prefix": "img_", "label_prefix": "mask_", "label_suffix": "_L.png", "classes": ["x", "y", "z"]}
    dataset = FolderDataset(tmp_path, **names)
    assert stems(dataset) == ["img_1", "img_2"] and dataset.load(1)["label_path"].endswith("x/mask_2_L.png")
    assert stems(FolderDataset(tmp_path, **names, split_file="list.txt")) == ["img_2"]
