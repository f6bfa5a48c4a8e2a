import warnings

import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import SegDataset, check_label
from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.loader import build_dataset
from segbox.errors import ConfigError, DataError
from segbox.registry import DATASETS
from tests.faulty_data import sample

CLASSES = ("sky", "road", "car", "tree")
TINY = {"ShapesDataset": {"num_images": 3}}


class Broken(SegDataset):
    """Four images, of which the files named cannot be read."""

    classes = CLASSES
    skip_unreadable = True

    def __init__(self, *unreadable: int) -> None:
        self.unreadable = unreadable

    length = 4

    def __len__(self) -> int:
        return self.length

    def load(self, index: int) -> dict:
        if index in self.unreadable:
            raise DataError(f"{index}.png: the file is empty")
        return {**sample(), "path": f"{index}.png"}


@pytest.mark.parametrize("name", list(TINY))
def test_contract(name):
    dataset = DATASETS.build({"type": name, **TINY[name]})
    assert len(dataset.classes) == len(dataset.palette)
    for index in range(len(dataset)):
        loaded = dataset[index, 5]
        check_label(loaded, dataset.classes)
        assert loaded["size"] == loaded["image"].shape[:2]
        assert isinstance(loaded["path"], str)


def test_the_same_draw_gives_the_same_sample():
    dataset = ShapesDataset(3, pipeline=[{"type": "RandomCrop", "size": 32}])
    first, again, other = dataset[1, 7], dataset[1, 7], dataset[1, 8]
    assert (first["image"] == again["image"]).all()
    assert (first["image"] != other["image"]).any()


def test_evaluation_keeps_the_label():
    pipeline = [{"type": "Resize", "short": 48}]
    kept = ShapesDataset(3, pipeline=pipeline, transform_labels=False)[0, None]
    assert kept["image"].shape == (48, 64, 3)
    assert (kept["label"] == ShapesDataset(3).load(0)["label"]).all()
    assert ShapesDataset(3, pipeline=pipeline)[0, None]["label"].shape == (48, 64)


def test_evaluation_refuses_what_moves_the_image():
    config = {"type": "ShapesDataset", "pipeline": [{"type": "RandomFlip"}]}
    with pytest.raises(ConfigError, match=r"data.val.pipeline.0: RandomFlip moves the image"):
        build_dataset(config, "data.val", transform_labels=False)


def test_errors_of_a_config_name_their_place():
    with pytest.raises(ConfigError, match=r"data.train.pipeline.1.size: expected a whole number from 1 to 65536"):
        build_dataset(
            {"type": "ShapesDataset", "pipeline": [{"type": "RandomFlip"}, {"type": "Pad", "size": 0}]}, "data.train"
        )
    with pytest.raises(ConfigError, match=r'data.train.num_image: .*Did you mean "num_images"'):
        build_dataset({"type": "ShapesDataset", "num_image": 3}, "data.train")


def test_a_label_of_another_size():
    with pytest.raises(DataError, match=r"made.png: the image is 48x64 \(height x width\) but its label is 40x64"):
        check_label({**sample(), "label": sample(40)["label"]}, CLASSES)
    with pytest.raises(DataError, match="turned by its EXIF tag"):
        check_label({**sample(), "label": sample()["label"].T.copy()}, CLASSES)


def test_ids_that_are_no_class():
    start = sample()
    start["label"][:2, :5] = 7
    start["label"][4, 4] = 200
    start["label"][8:] = IGNORE_INDEX
    with pytest.raises(
        DataError, match=r"made.png: .*7 \(10 pixels\), 200 \(1 pixels\)\. Known: 0 sky, .*label_map={7: 255}"
    ):
        check_label(start, CLASSES)
    check_label(sample(), CLASSES)


def test_a_label_that_is_not_bytes():
    with pytest.raises(DataError, match=r"made.png: its label must be H W of uint8, not \(48, 64\) of int64"):
        check_label({**sample(), "label": sample()["label"].astype(np.int64)}, CLASSES)


def test_skipping_replaces_in_training_and_says_so():
    with pytest.warns(UserWarning, match=r"2.png: the file is empty; replaced by another image"):
        replaced = Broken(2)[2, 0]
    with pytest.warns(UserWarning):
        assert Broken(2)[2, 0]["path"] == replaced["path"] != "2.png"
    assert Broken(2)[1, 0]["path"] == "1.png"


def test_skipping_leaves_out_in_evaluation_and_says_so():
    with pytest.warns(UserWarning, match=r"2.png: the file is empty; left out of the evaluation"):
        assert Broken(2)[2, None] is None


def test_skipping_warns_once_per_file():
    dataset = Broken(2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            dataset[2, 0]
    assert len([w for w in caught if "2.png" in str(w.message)]) == 1


def test_skipping_ends_when_nothing_can_be_read():
    """One message, and no warning for each file before it."""
    with pytest.raises(DataError, match=r"^none of the 4 images .* nothing left to train on .* the last: \d.png: the"):
        Broken(0, 1, 2, 3)[0, 0]
    many = Broken(*range(1000))
    many.length = 1000
    with pytest.raises(DataError, match=r"^2[01] images, drawn one after the other, cannot be read"):
        many[0, 0]


def test_the_one_that_can_be_read_is_found_each_time():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {Broken(0, 1, 3)[index, seed]["path"] for index in range(4) for seed in range(50)} == {"2.png"}


def test_without_skipping_it_is_an_error():
    dataset = Broken(2)
    dataset.skip_unreadable = False
    with pytest.raises(DataError, match=r"^2.png: the file is empty$"):
        dataset[2, 0]
