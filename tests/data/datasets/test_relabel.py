"""Other classes for a data set of files: chosen, merged, ordered, by name."""

import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.data.datasets.concat import ConcatDataset
from segbox.data.datasets.pascal_voc import PALETTE
from segbox.data.loader import build_dataset, classes_without_files
from segbox.data.statistics import class_frequencies
from segbox.doctor.check import check_datasets
from segbox.errors import ConfigError, DataError
from tests.data.datasets.test_public import ids_of, make_voc, write_ids
from tests.faulty_data import blocky_label, write_pairs


@pytest.fixture
def voc(tmp_path):
    """Columns of background, ignored, aeroplane, car, cat."""
    root = make_voc(tmp_path)
    write_ids(root / "SegmentationClass/2007_000032.png", 0, IGNORE_INDEX, 1, 7, 8)
    return dict(type="PascalVOC", root=str(root), split="train")


def relabelled(inner, **arguments):
    return build_dataset(dict(type="RelabelDataset", dataset=inner, **arguments), "data.train")


@pytest.mark.parametrize(
    ("arguments", "ids", "colours"),
    [
        (dict(classes=["cat", "aeroplane"]), [255, 1, 255, 0], [8, 1]),
        (dict(classes={"vehicle": ["aeroplane", "car"], "cat": "cat"}), [255, 0, 1], [1, 8]),
        (dict(classes={"other": [], "cat": ["cat"]}, rest="other"), [0, 255, 0, 1], [0, 8]),
        (dict(classes={"cat": ["cat"], "other": ["background"]}, rest="other"), [1, 255, 1, 0], [8, 0]),
    ],
)
def test_ids_and_colours(voc, arguments, ids, colours):
    dataset = relabelled(voc, **arguments)
    assert ids_of(dataset) == ids
    assert dataset.classes == tuple(arguments["classes"]) == classes_without_files(dict(arguments, dataset=voc))
    assert dataset.palette == [PALETTE[i] for i in colours]
    row = np.repeat(ids, 1)
    assert (class_frequencies(dataset) > 0).tolist() == [i in row for i in range(len(dataset.classes))]


def test_the_doctor_sees_the_new_classes(voc):
    config = dict(type="RelabelDataset", dataset=voc, classes={"animal": ["cat", "dog"], "boat": ["boat"]})
    report = check_datasets("a", {"train": config})
    assert report.splits["train"].pixels[0] > 0 and report.splits["train"].pixels[1] == 0
    assert any("1 boat" in problem.message for problem in report.errors)


def test_unknown_ids_stay_unknown(voc, tmp_path):
    write_ids(tmp_path / "SegmentationClass/2007_000032.png", 0, 77)
    with pytest.raises(DataError, match=r"holds ids that are no class: 77 .* Known: 0 cat, 1 background, and 255"):
        relabelled(voc, classes=["cat", "background"])[0, 0]


def test_the_ids_of_the_files_go_through_the_sets_own_map_first(tmp_path):
    files = dict(type="FolderDataset", root=str(write_pairs(tmp_path, ["a"])), split="train", classes=["one", "two"])
    dataset = relabelled(dict(files, label_map={0: IGNORE_INDEX, 1: 0, 2: 1}), classes=["two", "one"])
    assert (dataset[0, 0]["label"] == np.array([IGNORE_INDEX, 1, 0])[blocky_label(24, 32, 3)]).all()


def test_sets_with_other_classes_come_together(voc):
    """In a wrapper's config, its pipeline goes through to the files."""
    inner = [
        dict(type="RelabelDataset", dataset=voc, classes={"thing": ["cat"], "ground": []}, rest="ground"),
        dict(type="RelabelDataset", dataset=voc, classes=dict(thing=["car"], ground=["background"])),
    ]
    for config in inner:
        config["palette"] = [(255, 0, 0), (0, 255, 0)]
    both = build_dataset(
        dict(type="ConcatDataset", datasets=inner, pipeline=[dict(type="Resize", short=8)]), "data.val"
    )
    assert isinstance(both, ConcatDataset) and both.palette == [(255, 0, 0), (0, 255, 0)]
    assert [ids_of(both, i) for i in range(2)] == [[1, 255, 1, 0], [1, 255, 0, 255]]
    assert both[0, 0]["image"].shape[:2] == (8, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(classes=["cta"]), r"has no class 'cta'\. Did you mean \"cat\""),
        (dict(classes={"a": ["cat"], "b": ["cat", "dog"]}), "'cat' is named more than once"),
        (dict(classes={"a": [], "b": ["dog"]}), "'a' has no classes of the data set: background, aeroplane"),
        (dict(classes=[]), "'none' has no classes"),
        (dict(classes=["cat"], rest="dog"), r"rest='dog': expected one of the new classes \(cat\)"),
        (dict(classes=["cat"], palette=[(1, 2, 3), (1, 2, 3)]), "palette: expected 1 colour"),
    ],
)
def test_mistakes(voc, arguments, message):
    with pytest.raises((ConfigError, DataError), match=rf"^data\.train: .*{message}"):
        relabelled(voc, **arguments)


def test_only_sets_of_files():
    with pytest.raises(
        ConfigError, match=r"ShapesDataset reads no label files; RelabelDataset needs a data set of files"
    ):
        relabelled(dict(type="ShapesDataset", num_images=1), classes=["circle"])
