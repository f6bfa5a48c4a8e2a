"""Concat, repeat, subset and class-balanced: which image they deal, what they refuse, and their configs."""

import numpy as np
import pytest

from segbox.data.datasets.class_balanced import ClassBalancedDataset, repeat_factors
from segbox.data.datasets.concat import ConcatDataset
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.repeat import RepeatDataset
from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.datasets.subset import SubsetDataset
from segbox.data.datasets.wrapper import unwrap
from segbox.data.loader import build_dataset, train_loader
from segbox.data.statistics import class_frequencies, class_pixels, label_counts
from segbox.errors import ConfigError, DataError
from tests.faulty_data import write_pairs

CLASSES = ("ground", "common", "rare")


class Stripes(SegDataset):
    """Image i is full of its number; its label holds the ids given for it."""

    def __init__(self, ids, classes=CLASSES, palette=((0, 0, 0), (9, 9, 9), (1, 2, 3))):
        self.ids = ids
        self.classes = classes
        self.palette = list(palette)

    def __len__(self):
        return len(self.ids)

    def load(self, index):
        image, label = np.full((6, 8, 3), index, np.uint8), np.zeros((6, 8), np.uint8)
        for row, number in enumerate(self.ids[index]):
            label[row] = number
        return {"image": image, "label": label, "path": f"{index}", "size": (6, 8)}


def dealt(dataset):
    return [dataset.load(index)["path"] for index in range(len(dataset))]


def test_concat():
    first, second = Stripes([[0]] * 2), Stripes([[1]] * 3)
    both = ConcatDataset([first, second, first])
    assert dealt(both) == list("0101201"[:2] + "012" + "01")
    assert both[4, 5]["path"] == "2" and unwrap(both, 4) == (second, 2)
    assert both.classes == CLASSES and both.palette == first.palette


def test_concat_refuses_sets_that_disagree():
    with pytest.raises(ConfigError, match=r"datasets.1 has other classes than datasets.0: id 2 is 'rare' and 'car'"):
        ConcatDataset([Stripes([[0]]), Stripes([[0]], classes=("ground", "common", "car"))])
    with pytest.raises(ConfigError, match=r"3 \(ground, common, rare\) and 2 \(a, b\)"):
        ConcatDataset([Stripes([[0]]), Stripes([[0]], classes=("a", "b"))])
    with pytest.raises(ConfigError, match=r"another palette .*'common' is \(9, 9, 9\) and \(8, 8, 8\)"):
        ConcatDataset([Stripes([[0]]), Stripes([[0]], palette=((0, 0, 0), (8, 8, 8), (1, 2, 3)))])
    with pytest.raises(ValueError, match="a list of one data set or more"):
        ConcatDataset([])
    with pytest.raises(ConfigError, match=r"datasets.0: expected a data set"):
        ConcatDataset([3])


def test_repeat():
    assert dealt(RepeatDataset(Stripes([[0]] * 2), times=3)) == list("010101")
    with pytest.raises(ValueError, match="times=0"):
        RepeatDataset(Stripes([[0]]), times=0)


def test_subset():
    ten = Stripes([[0]] * 10)
    assert dealt(SubsetDataset(ten, indices=[7, 2])) == ["7", "2"]
    assert dealt(SubsetDataset(ten, first=3)) == list("012")
    some = dealt(SubsetDataset(ten, fraction=0.4, seed=1))
    assert len(set(some)) == 4 and some == sorted(some) == dealt(SubsetDataset(ten, fraction=0.4, seed=1))
    assert some != dealt(SubsetDataset(ten, fraction=0.4, seed=2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give one of them"),
        ({"first": 2, "fraction": 0.5}, "only one"),
        ({"first": 11}, "holds 10 images"),
        ({"fraction": 0}, "more than 0"),
        ({"indices": [3, 10]}, "indices: 10; the data set has indices 0 to 9"),
        ({"indices": []}, "none given"),
    ],
)
def test_subset_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        SubsetDataset(Stripes([[0]] * 10), **arguments)


def test_repeat_factors_by_hand():
    present = np.zeros((100, 3), bool)
    present[:, 0] = True
    present[:25, 1] = True
    present[:1, 2] = True
    factors = repeat_factors(present, threshold=0.5)
    assert factors[0] == pytest.approx(np.sqrt(0.5 / 0.01))  # obeys its rarest class
    assert factors[1:25] == pytest.approx(np.sqrt(2)) and factors[25:] == pytest.approx(1)


def test_class_balanced():
    dataset = ClassBalancedDataset(Stripes([[2]] + [[0]] * 24), threshold=1)
    assert dealt(dataset).count("0") == 5 and len(dataset) == 29  # f = 1/25, so sqrt(25) times
    assert len(ClassBalancedDataset(Stripes([[2]] + [[0]] * 24), threshold=1, min_pixels=9)) == 25
    with pytest.raises(ValueError, match="threshold=0"):
        ClassBalancedDataset(Stripes([[0]]), threshold=0)


def test_frequencies():
    dataset = Stripes([[1], [1, 2], [0]])
    assert class_frequencies(dataset).tolist() == [40 + 32 + 48, 8 + 8, 8]
    assert class_frequencies(RepeatDataset(dataset, 2)).tolist() == [240, 32, 16]
    assert class_pixels(dataset)[1].tolist() == [144, 96, 48]  # of the images that hold the class
    seen = []
    counts = list(label_counts(ShapesDataset(9), workers=1, on_progress=lambda *step: seen.append(step)))
    assert seen == [(8, 9), (9, 9)]
    for index, count in enumerate(counts):
        assert (count == np.bincount(ShapesDataset(9).load(index)["label"].ravel(), minlength=256)).all()


def test_frequencies_of_files_do_not_read_images(tmp_path):
    root = write_pairs(tmp_path, ["a", "b"])
    (root / "images/train/a.jpg").write_bytes(b"")
    dataset = build_dataset({"type": "FolderDataset", "root": str(root), "split": "train", "label_map": {1: 255}})
    assert class_frequencies(dataset).tolist() == [2 * 256, 0, 2 * 256]


# --- configs ---------------------------------------------------------------------------------------------------------

SHAPES = {"type": "ShapesDataset", "num_images": 4, "size": (32, 48)}


def test_a_nested_config():
    crop = [{"type": "RandomCrop", "size": 16}]
    config = {
        "type": "ConcatDataset",
        "datasets": [
            {"type": "RepeatDataset", "times": 3, "dataset": {**SHAPES, "pipeline": crop}},
            {"type": "SubsetDataset", "first": 2, "dataset": {**SHAPES, "seed": 1, "pipeline": crop}},
        ],
    }
    dataset = build_dataset(config, "data.train")
    assert len(dataset) == 14 and dataset[13, 0]["path"] == "shapes-1-00001"
    batch = next(iter(train_loader(dataset, 4, seed=0)))
    assert batch["images"].shape == (4, 3, 16, 16)


def test_the_pipeline_of_the_wrapper_holds_for_all_inside():
    inner = {**SHAPES, "pipeline": [{"type": "RandomCrop", "size": 16}]}
    outer = {"type": "ConcatDataset", "datasets": [inner, SHAPES], "pipeline": [{"type": "Resize", "short": 8}]}
    dataset = build_dataset({**outer, "transform_labels": False}, "data.val")
    for index in (0, 4):
        sample = dataset[index, None]
        assert sample["image"].shape == (8, 12, 3) and sample["label"].shape == (32, 48)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"type": "ConcatDataset", "datasets": [SHAPES, {"type": "FolderDataset", "roots": "x"}]},
            r'^data.train.datasets.1.roots: .*Did you mean "root"',
        ),
        (
            {"type": "RepeatDataset", "times": 2, "dataset": {**SHAPES, "pipeline": [{"type": "Flip"}]}},
            r"^data.train.dataset.pipeline.0: there is no transform",
        ),
        ({"type": "RepeatDataset", "times": 2, "dataset": 3}, r"^data.train.dataset: expected dict"),
        ({"type": "RepeatDataset", "times": 2}, r"needs the argument 'dataset'"),
        ({"type": "ConcatDataset", "datasets": SHAPES}, r"^data.train.datasets: expected a list"),
        (
            {"type": "SubsetDataset", "dataset": {**SHAPES, "pipeline": [{"type": "RandomFlip"}]}, "first": 1}
            | {"transform_labels": False},
            r"data.train.dataset.pipeline.0: RandomFlip moves",
        ),
    ],
)
def test_errors_name_their_place(config, message):
    with pytest.raises(ConfigError, match=message):
        build_dataset(config, "data.train")


def test_a_missing_root_deep_inside():
    config = {"type": "ConcatDataset", "datasets": [SHAPES, {"type": "FolderDataset", "root": "/nowhere"}]}
    with pytest.raises(DataError, match=r"^data.train.datasets.1: there is no folder /nowhere"):
        build_dataset(config, "data.train")
