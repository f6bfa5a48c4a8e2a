"""Pictures of an evaluation."""

import cv2
import torch

from segbox.viz.watch import PictureWriter


def test_a_picture_per_image_also_where_only_the_image_was_resized(tmp_path):
    watch = PictureWriter(tmp_path, ("a", "b"), [(10, 20, 30), (200, 100, 0)])
    for channels, name in ((3, "x/one.jpg"), (1, "two.tif"), (5, "three.npy")):
        item = {
            "image": torch.zeros(channels, 10, 15, dtype=torch.uint8),
            "label": torch.ones(20, 30, dtype=torch.uint8),
            "path": name,
        }
        watch(item, torch.zeros(20, 30, dtype=torch.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "three.png", "two.png"]
    assert cv2.imread(str(tmp_path / "one.png")).shape[1] == 3 * (30 * (256 // 30) + 4)
