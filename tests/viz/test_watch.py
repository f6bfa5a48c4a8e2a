"""Pictures of an evaluation."""

from pathlib import Path

import cv2
import numpy as np
import torch

from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.subset import SubsetDataset
from segbox.viz.overlay import write_image
from segbox.viz.watch import ImageNames, PictureWriter, WorstPictures, short_names
from tests.runs import written


def test_a_picture_per_image_also_where_only_the_image_was_resized(tmp_path):
    watch = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], ImageNames())
    for channels, name in ((3, "x/one.jpg"), (1, "two.tif"), (5, "three.npy")):
        item = {
            "image": torch.zeros(channels, 10, 15, dtype=torch.uint8),
            "label": torch.ones(20, 30, dtype=torch.uint8),
            "path": name,
        }
        watch(item, torch.zeros(20, 30, dtype=torch.uint8))
    assert written(tmp_path) == ["one.png", "three.png", "two.png"]
    assert cv2.imread(str(tmp_path / "one.png")).shape[1] == 3 * (30 * (256 // 30) + 4)


def scored(name, wrong):
    """An image of which so many of 20 rows are wrong."""
    label, guess = torch.zeros(2, 20, 30, dtype=torch.uint8)
    guess[:wrong] = 1
    return {"image": torch.zeros(3, 20, 30, dtype=torch.uint8), "label": label, "path": name}, guess


def test_only_the_worst_are_kept(tmp_path):
    pictures = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], ImageNames({"y/3.png": Path("y/3")}))
    worst = WorstPictures(pictures, 2)
    for name, wrong in (("1.png", 3), ("2.png", 0), ("y/3.png", 15), ("4.png", 1), ("5.png", 8)):
        worst(*scored(name, wrong))
    item, guess = scored("6.png", 20)
    worst({**item, "label": torch.full_like(item["label"], 255)}, guess)  # nothing to score
    worst.finish()
    assert written(tmp_path) == ["012.50_y_3.png", "030.00_5.png"]


def test_the_worst_of_all_processes_are_kept(tmp_path, monkeypatch):
    pictures = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)], ImageNames())
    both = [WorstPictures(pictures, 2) for _ in range(2)]
    for k, wrong in enumerate((5, 6, 7, 8)):
        both[k % 2](*scored(f"{k}.png", wrong))
    monkeypatch.setattr("segbox.viz.watch.distributed.gather", lambda value: [own.kept for own in both])
    both[0].finish()
    assert sorted(name[-5:] for name in written(tmp_path)) == ["2.png", "3.png"]


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
    write = PictureWriter(tmp_path / "out", ("a", "b"), [(10, 20, 30), (200, 100, 0)], ImageNames(names))
    for name in ("x/1.png", "y/1.png"):
        write(*scored(str(tmp_path / "images" / name), 1))
    assert (tmp_path / "out/x/1.png").is_file() and (tmp_path / "out/y/1.png").is_file()
