"""Pictures of an evaluation."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segbox.data.datasets import cityscapes
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.subset import SubsetDataset
from segbox.errors import UserError
from segbox.viz.evaluation_outputs import (
    EvaluationOutputs,
    OutputNames,
    PictureWriter,
    WorstPictureWriter,
    evaluation_outputs,
    short_names,
)
from tests.faulty_data import write_image
from tests.runs import written


def test_a_picture_per_image_also_where_only_the_image_was_resized(tmp_path):
    outputs = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], OutputNames())
    for channels, name in ((3, "x/one.jpg"), (1, "two.tif"), (5, "three.npy")):
        item = {
            "image": torch.zeros(channels, 10, 15, dtype=torch.uint8),
            "label": torch.ones(20, 30, dtype=torch.uint8),
            "path": name,
        }
        outputs(item, torch.zeros(20, 30, dtype=torch.uint8))
    assert written(tmp_path) == ["one.png", "three.png", "two.png"]
    assert cv2.imread(str(tmp_path / "one.png")).shape[1] == 3 * (30 * (256 // 30) + 4)


def scored(name, wrong):
    """An image of which so many of 20 rows are wrong."""
    label, prediction = torch.zeros(2, 20, 30, dtype=torch.uint8)
    prediction[:wrong] = 1
    return {"image": torch.zeros(3, 20, 30, dtype=torch.uint8), "label": label, "path": name}, prediction


def test_only_the_worst_are_kept(tmp_path):
    pictures = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], OutputNames({"y/3.png": Path("y/3")}))
    worst = WorstPictureWriter(pictures, 2)
    for name, wrong in (("1.png", 3), ("2.png", 0), ("y/3.png", 15), ("4.png", 1), ("5.png", 8)):
        worst(*scored(name, wrong))
    item, prediction = scored("6.png", 20)
    worst({**item, "label": torch.full_like(item["label"], 255)}, prediction)  # nothing to score
    worst.finish()
    assert written(tmp_path) == ["012.50_y_3.png", "030.00_5.png"]


def test_the_worst_of_all_processes_are_kept(tmp_path, monkeypatch):
    pictures = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], OutputNames())
    both = [WorstPictureWriter(pictures, 2) for _ in range(2)]
    for k, wrong in enumerate((5, 6, 7, 8)):
        both[k % 2](*scored(f"{k}.png", wrong))
    monkeypatch.setattr("segbox.viz.evaluation_outputs.distributed.gather", lambda value: [own.kept for own in both])
    both[0].finish()
    assert sorted(name[-5:] for name in written(tmp_path)) == ["2.png", "3.png"]


def test_the_worst_of_two_folders_do_not_meet(tmp_path):
    names = {"a/b_c.png": Path("a/b_c"), "a_b/c.png": Path("a_b/c")}
    worst = WorstPictureWriter(
        PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], OutputNames(names)), 2
    )
    for name in (*names, *names):
        worst(*scored(name, 10))
    worst.finish()
    assert (tmp_path / "a/025.00_b_c.png").is_file() and (tmp_path / "a_b/025.00_c.png").is_file()


def test_images_that_a_data_set_does_not_list(tmp_path):
    write = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], OutputNames())
    outputs = EvaluationOutputs([write])
    for name in ("x/1.png", "x/1.png", "y/1.png"):
        outputs(*scored(name, 1))
    assert outputs.finish() == ["y/1.png: has the same name as x/1.png, for which a file was already written"]
    (tmp_path / "2.png").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"2\.png would be written over"):
        outputs(*scored("2.png", 1))
    assert written(tmp_path) == ["1.png", "2.png"]


def pairs(folder, *names):
    for name in names:
        for kind in ("images", "annotations"):
            write_image(folder / kind / f"{name}.png", np.zeros((16, 16), np.uint8))
    return FolderDataset(str(folder), classes=("a", "b"))


@pytest.mark.parametrize("worst", [None, 1])
def test_files_of_the_data_set_and_of_the_user_are_not_written_over(tmp_path, worst):
    dataset = pairs(tmp_path / "set", "1", "2")
    for settings in ({"submit": "annotations"}, {"show_dir": "images"}):
        folders = {"show_dir": None, "submit": None} | {k: str(tmp_path / "set" / v) for k, v in settings.items()}
        if worst is None or "submit" in settings:
            with pytest.raises(UserError, match=r"1\.png, .*2\.png would be written over"):
                evaluation_outputs(dataset, worst=worst, **folders)
    out = str(tmp_path / "out")
    for _ in range(2):
        outputs = evaluation_outputs(dataset, out, worst, None)
        outputs(*scored(str(tmp_path / "set/images/1.png"), 10))
    name = "1.png" if worst is None else "025.00_1.png"
    assert written(tmp_path / "out") == [name]
    (tmp_path / "out" / name).write_bytes(b"mine")
    with pytest.raises(UserError, match=rf"{name} would be written over"):
        evaluation_outputs(dataset, out, worst, None)


def test_labels_that_are_predictions_are_not_written_over(tmp_path):
    dataset = pairs(tmp_path, "1")
    shutil.rmtree(tmp_path / "annotations")
    evaluation_outputs(dataset, None, None, str(tmp_path / "annotations"))(*scored(str(tmp_path / "images/1.png"), 0))
    with pytest.raises(UserError, match=r"annotations/1\.png would be read and written over"):
        evaluation_outputs(FolderDataset(str(tmp_path), classes=("a", "b")), None, None, str(tmp_path / "annotations"))


def test_two_kinds_of_files_in_one_folder(tmp_path):
    dataset = pairs(tmp_path / "set", "1")
    with pytest.raises(UserError, match=r"would both be written to .*out/1\.png"):
        evaluation_outputs(dataset, str(tmp_path / "out"), None, str(tmp_path / "out"))
    with pytest.raises(UserError, match=r"1\.png and the scores would both be written to .*out/1\.png"):
        evaluation_outputs(dataset, str(tmp_path / "out"), None, None, [tmp_path / "out/1.png"])


def test_cityscapes_names_without_their_folders_may_meet(tmp_path):
    dataset = pairs(tmp_path, "x/1", "y/1")
    dataset.classes = cityscapes.CLASSES
    with pytest.raises(UserError, match=r"x/1\.png and .*y/1\.png would both be written to .*1_pred_labelIds\.png"):
        evaluation_outputs(dataset, None, None, str(tmp_path / "sent"))


def test_names_keep_folders_where_file_names_repeat(tmp_path):
    def folder(*names):
        images = np.zeros((16, 16), np.uint8)
        for name in names:
            for kind in ("images", "annotations"):
                write_image(tmp_path / kind / name, images)
        return FolderDataset(str(tmp_path), classes=("a", "b"))

    dataset = folder("x/1.png", "y/2.png")
    assert sorted(map(str, short_names(dataset).values())) == ["1", "2"]
    dataset = SubsetDataset(folder("y/1.png"), first=3)
    names = short_names(dataset)
    assert sorted(map(str, names.values())) == ["x/1", "y/1", "y/2"]
    write = PictureWriter(tmp_path / "out", ("a", "b"), [(10, 20, 30), (200, 100, 0)], OutputNames(names))
    for name in ("x/1.png", "y/1.png"):
        write(*scored(str(tmp_path / "images" / name), 1))
    assert (tmp_path / "out/x/1.png").is_file() and (tmp_path / "out/y/1.png").is_file()
