"""Windows of a raster count as one image in intervals, and each scene has its scores."""

import numpy as np

from segbox.evaluation.records import Evaluation, ImageCounts, by_scene
from segbox.evaluation.scenes import scene_table
from segbox.evaluation.uncertainty import bootstrap, describe_interval, paired_bootstrap

CLASSES = ("water", "field")


def evaluation(*images):
    counts = [ImageCounts.of(path, np.array(matrix)) for path, matrix in images]
    return Evaluation(CLASSES, [(0, 0, 0), (9, 9, 9)], "whole", {}, counts)


WINDOWS = evaluation(
    ("a@0-4,0-4.tif", [[8, 2], [0, 6]]),
    ("a@0-4,4-8.tif", [[4, 0], [4, 8]]),
    ("b@0-4,0-4.tif", [[0, 0], [0, 16]]),
)
SCENES = evaluation(("a.tif", [[12, 2], [4, 14]]), ("b.tif", [[0, 0], [0, 16]]))


def test_windows_are_added_up():
    for found, expected in zip(by_scene(WINDOWS).images, SCENES.images, strict=True):
        assert found.path == expected.path and (found.pairs == expected.pairs).all()
    assert by_scene(SCENES).images[0].path == "a.tif"


def test_windows_of_one_scene_are_drawn_together():
    assert bootstrap(WINDOWS) == bootstrap(SCENES) and "over 2 scenes)" in describe_interval(WINDOWS)
    assert describe_interval(evaluation(("a@0-4,0-4.tif", [[8, 2], [0, 6]]), ("a@0-4,4-8.tif", [[1, 0], [0, 1]]))) == ""
    assert paired_bootstrap(WINDOWS, WINDOWS)["mIoU"].value == 0


def test_each_scene_has_a_row():
    rows = [line.split("|")[1:-1] for line in scene_table(WINDOWS).splitlines() if "tif" in line]
    a = (12 / 18 + 14 / 20) / 2
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["a.tif", f"{100 * a:.2f}", f"{100 * 26 / 32:.2f}", "32"],
        ["b.tif", "100.00", "100.00", "16"],
    ]
    assert scene_table(SCENES) == ""
