import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.shapes import ShapesDataset, write_folder


def test_an_image_depends_on_seed_and_index_alone():
    first, again = ShapesDataset(3, seed=4).load(2), ShapesDataset(9, seed=4).load(2)
    assert (first["image"] == again["image"]).all()
    assert (first["label"] == again["label"]).all()
    others = [ShapesDataset(3, seed=5).load(2), ShapesDataset(3, seed=4).load(1)]
    assert all((first["image"] != other["image"]).any() for other in others)


def test_all_classes_and_ignored_pixels_occur():
    dataset = ShapesDataset(40)
    counts = sum(np.bincount(dataset.load(i)["label"].ravel(), minlength=256) for i in range(40))
    shares = counts / counts.sum()
    assert (shares[: len(dataset.classes)] > 0.01).all()
    assert 0.01 < shares[IGNORE_INDEX] < 0.1
    assert shares[0] > 0.5


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (96, 128)])
def test_any_size(size):
    loaded = ShapesDataset(1, size=size).load(0)
    assert loaded["image"].shape == (*size, 3)
    assert loaded["image"].dtype == loaded["label"].dtype == np.uint8


def test_as_a_folder(tmp_path):
    shapes = ShapesDataset(4)
    write_folder(shapes, tmp_path, "train")
    folder = FolderDataset(str(tmp_path), "train")
    assert folder.classes == shapes.classes
    assert len(folder) == 4
    for index in range(4):
        assert (folder.load(index)["image"] == shapes.load(index)["image"]).all()
        assert (folder.load(index)["label"] == shapes.load(index)["label"]).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="num_images=0"):
        ShapesDataset(0)
