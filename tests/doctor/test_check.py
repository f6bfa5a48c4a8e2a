"""Every defect of a data set is found, all at once, and told in plain words."""

import json

import numpy as np
import pytest

from segbox.class_weights import all_weights, enet_weights, inverse_weights, median_frequency_weights
from segbox.doctor.check import check_datasets
from segbox.doctor.report import as_json
from segbox.doctor.text_report import check_text
from segbox.errors import ConfigError, DataError
from tests.doctor.broken_set import SIZE, turn, write_broken_set
from tests.faulty_data import blocky_label, deep_image, smooth_image, write_image, write_pairs
from tests.tiff_files import write_tiff


def folder(root, split="train", **arguments):
    return {"type": "FolderDataset", "root": str(root), "split": split, **arguments}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = write_broken_set(tmp_path_factory.mktemp("broken") / "set")
    return check_datasets("broken", {"train": folder(root), "val": folder(root, "val")})


def of(report, kind, split="train"):
    found = [problem for problem in report.problems if (problem.kind, problem.split) == (kind, split)]
    assert len(found) == 1, [(p.kind, p.split) for p in report.problems]
    return found[0]


@pytest.mark.parametrize(
    ("kind", "file", "words"),
    [
        ("unreadable image", "images/train/cut_image.png", ["1 image cannot be read"]),
        ("unreadable mask", "annotations/train/cut_mask.png", ["1 mask cannot be read"]),
        ("colour mask", "annotations/train/colour.png", ["(60, 60, 60) 5", "(250, 0, 0) 5"]),
        ("16-bit mask", "annotations/train/deep.png", ["ids up to 1000"]),
        ("size mismatch", "annotations/train/small.png", ["1 mask of another size"]),
        ("turned image", "images/train/turned.jpg", ["read with EXIF rotation"]),
        ("unknown id", "annotations/train/ids.png", ["7 (1 mask, 5 pixels), 200 (1 mask, 2 pixels)", "0 to 2"]),
        ("nothing labelled", "annotations/train/empty_mask.png", ["every pixel is ignored"]),
        ("duplicate", "images/train/good.png", ["1 image occurs more than once", "in 1 of them the masks differ"]),
        ("missing mask", "no_mask", ["1 image has no mask"]),
        ("missing image", "no_image", ["1 mask or listed name has no image"]),
    ],
)
def test_each_defect(report, kind, file, words):
    problem = of(report, kind)
    assert [f for f in problem.files if f.endswith(file)] and len(problem.files) == 1
    assert all(word in problem.message for word in words), problem.message
    assert problem.advice and not problem.is_note


def test_between_splits_and_classes(report):
    leak = of(report, "leak", "val")
    assert leak.message.startswith("1 image of 'val' is in 'train' too") and "ids.png" in leak.details[0]
    for split in ("train", "val"):
        assert of(report, "absent class", split).message.startswith("1 of 3 classes never occur: 2 car")
    assert len(report.errors) == 14


def test_numbers(report):
    train = report.splits["train"]
    assert train.images == train.files == 10 and train.sizes == {SIZE: 9}
    assert train.channels == {3: 9} and train.ignored == SIZE[0] * SIZE[1]
    assert train.images_with.tolist() == [6, 6, 0]


def test_details_name_the_place(report):
    assert of(report, "size mismatch").details == ["image 24x32, mask 20x30"]
    assert of(report, "unknown id").details == ["7 (5 pixels), 200 (2 pixels)"]
    assert of(report, "unreadable image").details[0].startswith("the file is cut off after")


def test_text_and_json(report):
    weights = all_weights(report.splits["train"].pixels, report.splits["train"].pixels_where_present)
    text = check_text(report, weights)
    assert "14 problems" in text and "-> " in text and "label_map={7: 255}" in text
    found = json.loads(json.dumps(as_json(report, weights)))
    assert found["splits"]["train"]["sizes"] == {"24x32": 9}
    assert {problem["kind"] for problem in found["problems"]} >= {"leak", "unknown id", "colour mask"}
    assert found["class_weights"]["enet"][2] == 0


def test_a_sound_set(tmp_path):
    root = write_pairs(tmp_path, ["a"])
    write_image(root / "images/val/b.png", smooth_image(24, 32, seed=5))
    write_image(root / "annotations/val/b.png", blocky_label(24, 32, 3))
    report = check_datasets("sound", {"train": folder(root), "val": folder(root, "val")})
    assert not report.problems and check_text(report, {}).endswith("No problems: ready to train.")
    pixels = sum(np.bincount(blocky_label(24, 32, 3).ravel()) for _ in range(1))
    assert (report.splits["val"].pixels == pixels).all()
    image = smooth_image(24, 32, seed=5).reshape(-1, 3).astype(float)
    assert report.splits["val"].mean == pytest.approx(image.mean(axis=0))
    assert report.splits["val"].std == pytest.approx(image.std(axis=0))


def write_masks(root, *labels):
    for i, label in enumerate(labels):
        write_image(root / f"images/{i}.png", smooth_image(*label.shape, seed=i))
        write_image(root / f"annotations/{i}.png", label)
    return root


def test_black_and_white(tmp_path):
    root = write_masks(tmp_path, 255 * blocky_label(*SIZE, num_classes=2), np.zeros(SIZE, np.uint8))
    config = folder(root, None, classes=["ground", "crack"])
    report = check_datasets("", {"train": config})
    problem = of(report, "only 0 and 255")
    assert "label_map={255: 1}" in problem.advice and "'crack' would never be learned" in problem.message
    assert len(report.errors) == 1 and len(problem.files) == 1
    assert not check_datasets("", {"train": {**config, "label_map": {255: 1}}}).problems


def test_ids_that_begin_with_one(tmp_path):
    root = write_masks(tmp_path, blocky_label(*SIZE, num_classes=2) + 1)
    report = check_datasets("", {"train": folder(root, None, classes=["a", "b"])})
    assert "label_map={1: 0, 2: 1} makes them start at 0" in of(report, "unknown id").advice


def test_one_id_too_many(tmp_path):
    root = write_masks(tmp_path, blocky_label(*SIZE, num_classes=3))
    advice = of(check_datasets("", {"train": folder(root, None, classes=["a", "b"])}), "unknown id").advice
    assert (
        "If 2 means unlabelled: label_map={2: 255}. If 0 means unlabelled: label_map={0: 255, 1: 0, 2: 1, ...}"
        in advice
    )


def test_channels_and_notes(tmp_path):
    root = write_masks(tmp_path, blocky_label(*SIZE, num_classes=2))
    write_image(root / "images/0.png", smooth_image(*SIZE, channels=1)[:, :, 0])
    report = check_datasets("", {"train": folder(root, None, classes=["a", "b"])})
    assert of(report, "grey images").is_note and not report.errors
    (root / "images/0.png").unlink()
    turn(root / "images/0.jpg", 3, stored=smooth_image(*SIZE))
    report = check_datasets("", {"train": folder(root, None, classes=["a", "b"])})
    assert of(report, "perhaps turned").is_note and not report.errors


def write_deep_set(root, depths, channels=1):
    for i, bits in enumerate(depths):
        image = deep_image(*SIZE, channels, seed=i)
        write_tiff(root / f"images/{i}.tif", image if bits == 16 else (image >> 4).astype(np.uint8))
        write_image(root / f"annotations/{i}.png", blocky_label(*SIZE, num_classes=2))
    return folder(root, None, classes=["a", "b"], channels=channels)


def test_deep_images(tmp_path):
    config = write_deep_set(tmp_path, [16] * 3, channels=2)
    report = check_datasets("", {"train": {**config, "bits": 16}})
    assert not report.problems and report.splits["train"].bits == {16: 3} and report.splits["train"].channels == {2: 3}
    pixels = np.concatenate([deep_image(*SIZE, 2, seed=i).reshape(-1, 2) for i in range(3)]).astype(float)
    assert report.splits["train"].mean == pytest.approx(pixels.mean(axis=0))
    assert report.splits["train"].std == pytest.approx(pixels.std(axis=0))
    assert f"largest value {pixels.max():g}" in check_text(report, {})
    without = check_datasets("", {"train": {"type": "RepeatDataset", "times": 2, "dataset": config}})
    assert "does not set `bits`" in of(without, "deep images").message and len(without.errors) == 1
    assert without.splits["train"].mean == pytest.approx(pixels.mean(axis=0))  # what is to be written into the config
    cut = check_datasets("", {"train": {**config, "bits": 8}})
    assert of(cut, "deep images").is_note and not cut.errors


def test_mixed_depths(tmp_path):
    config = write_deep_set(tmp_path, [8, 16, 8, 8])
    problem = of(check_datasets("", {"train": config}), "mixed depths")
    assert problem.files == [str(tmp_path / "images/1.tif")] and problem.details == ["16 bits"] and not problem.is_note
    report = check_datasets("", {"train": {**config, "bits": 16}})
    problem = of(report, "other kind")
    assert len(problem.files) == 3 and "has 8 bits a channel (uint8), bits=16" in problem.details[0]
    assert len(report.errors) == 1 and report.splits["train"].bits == {8: 3, 16: 1}
    problem = of(check_datasets("", {"train": {**config, "channels": 4, "bits": 8}}), "other kind")
    assert problem.details[0] == "has 1 channels, channels=4 was asked for"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({}, "are not set, so they are those of RGB bytes; the images have 16 bits"),
        ({"mean": 116.0, "std": 57.0}, r"(116.0 and 57.0) are far from those of the images"),
        ({"mean": (116.0,) * 3, "std": (57.0,) * 3}, "are not 2 numbers, one per channel"),
        ({"mean": (2000.0, 2100.0), "std": 700.0}, None),
        ({"mean": 0.0, "std": 4095.0}, None),
    ],
)
def test_the_model_must_be_in_the_units_of_the_images(tmp_path, model, words):
    config = write_deep_set(tmp_path, [16] * 3, channels=2)
    report = check_datasets("", {"train": {**config, "bits": 16}}, model=model)
    assert len(report.errors) == (words is not None)
    if words:
        problem = of(report, "other units")
        assert words in problem.message and problem.advice.startswith("Measured: mean=(")


def test_bytes_are_not_asked_for_their_units(tmp_path):
    config = write_deep_set(tmp_path, [8] * 3)
    assert not check_datasets("", {"train": config}, model={}).errors


def test_a_channel_without_anything_in_it(tmp_path):
    config = write_deep_set(tmp_path, [16] * 2, channels=3)
    for i in range(2):
        image = deep_image(*SIZE, 3, seed=i)
        image[:, :, 1] = 7
        write_tiff(tmp_path / f"images/{i}.tif", image)
    report = check_datasets("", {"train": {**config, "bits": 16}})
    assert "have the same value everywhere: 1" in of(report, "constant channel").message
    assert of(report, "constant channel").is_note


def test_wrappers_and_generated_images(tmp_path):
    root = write_masks(tmp_path, blocky_label(*SIZE, num_classes=3))
    (root / "annotations/0.png").unlink()
    write_image(root / "images/1.png", smooth_image(*SIZE))
    write_image(root / "annotations/1.png", blocky_label(*SIZE, num_classes=3))
    inner = folder(root, None, classes=["a", "b", "c"])
    report = check_datasets("", {"train": {"type": "RepeatDataset", "times": 3, "dataset": inner}})
    assert report.splits["train"].images == 3 and report.splits["train"].files == 1
    assert of(report, "missing mask").files == ["0"]
    twice = {"type": "ConcatDataset", "datasets": [inner, inner]}
    assert check_datasets("", {"train": twice}).splits["train"].files == 2
    assert not [p for p in check_datasets("", {"train": twice}).problems if p.kind == "duplicate"]
    shapes = {"type": "ShapesDataset", "num_images": 20, "size": (32, 48)}
    assert not check_datasets("", {"train": shapes}, workers=1).problems


def test_public_sets_tell_what_is_missing(tmp_path):
    for part in ("train", "trainannot"):
        (tmp_path / part).mkdir()
    write_image(tmp_path / "train/a.png", smooth_image(*SIZE))
    report = check_datasets("", {"train": {"type": "CamVid", "root": str(tmp_path)}})
    assert of(report, "missing mask").files == ["a"] and of(report, "not looked at").advice.startswith("data.train: ")


def test_wrong_usage(tmp_path):
    with pytest.raises(DataError, match=r"data.train: there is no folder /nowhere"):
        check_datasets("", {"train": folder("/nowhere", None)})
    root = write_masks(tmp_path, blocky_label(*SIZE, num_classes=2))
    configs = {split: folder(root, None, classes=["a", split]) for split in ("train", "val")}
    with pytest.raises(ConfigError, match=r"data.val has other classes than data.train"):
        check_datasets("", configs)


def test_weights():
    pixels, where = np.array([75, 25, 0]), np.array([100, 50, 0])
    assert inverse_weights(pixels) == pytest.approx([0.5, 1.5, 0])
    assert inverse_weights(pixels, 0.5) == pytest.approx([2 / (1 + 3**0.5), 2 / (1 + 3**-0.5), 0])
    assert enet_weights(pixels) == pytest.approx([1 / np.log(1.77), 1 / np.log(1.27), 0])
    assert median_frequency_weights(pixels, where) == pytest.approx([0.625 / 0.75, 0.625 / 0.5, 0])
    assert (all_weights(np.zeros(2, int), np.zeros(2, int))["median"] == 0).all()
    some = np.array([10, 20, 60])  # the median is not the mean
    assert median_frequency_weights(some, np.full(3, 100)) == pytest.approx([2, 1, 1 / 3])
