"""Class maps as pictures."""

import cv2
import numpy as np
import pytest

from segbox.errors import UserError
from segbox.viz.overlay import as_bytes, colour_map, comparison, overlay, side_by_side, with_legend, write_image

PALETTE = [(10, 20, 30), (200, 100, 0)]
LABEL = np.array([[0, 1], [255, 1]], np.uint8)


def test_colours_and_black_where_ignored():
    assert colour_map(LABEL, PALETTE).tolist() == [[[10, 20, 30], [200, 100, 0]], [[0, 0, 0], [200, 100, 0]]]


def test_the_overlay_mixes_and_leaves_ignored_pixels_alone():
    image = np.full((2, 2, 3), 100, np.uint8)
    found = overlay(image, LABEL, PALETTE)
    assert found.tolist() == [[[55, 60, 65], [150, 100, 50]], [[100, 100, 100], [150, 100, 50]]]
    assert (overlay(image, LABEL, PALETTE, opacity=0.0) == image).all()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 2), (4, 5, 3), (4, 5, 6)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_any_image_can_be_looked_at(shape, kind):
    image = (np.arange(np.prod(shape)).reshape(shape) * 3).astype(kind)
    found = as_bytes(image)
    assert found.shape == (4, 5, 3) and found.dtype == np.uint8
    if kind != np.uint8:
        assert found.min() == 0 and found.max() == 255
    elif len(shape) == 3 and shape[2] >= 3:
        assert (found == image[..., :3]).all()


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32])
def test_deep_images_are_stretched_between_their_percentiles(kind):
    levels = np.linspace(1000, 2000, 400).reshape(20, 20)
    image = np.stack([levels, levels[::-1] / 2, levels], axis=-1).astype(kind)
    image[0, 0] = 30000  # a hot pixel
    found = as_bytes(image).astype(int)
    expected = ((levels - 1010) / 980 * 255).clip(0, 255)
    assert np.abs(found[1:, :, 0] - expected[1:]).max() <= 3 and (found[0, 0] == 255).all()
    assert np.abs(found[1:-1, :, 1] - expected[::-1][1:-1]).max() <= 3  # each channel by its own levels
    assert (as_bytes(np.full((4, 5, 1), 7, kind)) == 0).all()


def test_pictures_side_by_side_keep_their_pixels():
    pictures = [np.full((6, 9, 3), value, np.uint8) for value in (10, 60)]
    row = side_by_side(pictures, ("a", "b"))
    assert row.shape[1] == 2 * (9 + 4)
    assert (row[-8:-2, 2:11] == 10).all() and (row[-8:-2, 15:24] == 60).all()


@pytest.mark.parametrize("present", [[], [0], [0, 1]])
@pytest.mark.parametrize("width", [20, 400])
def test_the_legend_stands_under_the_picture(present, width):
    picture = np.zeros((10, width, 3), np.uint8)
    found = with_legend(picture, ("background", "a rather long name"), PALETTE, present)
    assert found.shape[1] == width and (found[:10] == picture).all()
    for k in present:
        assert (found[10:] == PALETTE[k]).all(axis=-1).any()


def test_a_comparison_names_what_occurs_in_target_or_prediction():
    image = np.zeros((20, 30, 3), np.uint8)
    target, prediction = np.zeros((20, 30), np.uint8), np.ones((20, 30), np.uint8)
    target[0] = 255
    found = comparison(image, target, prediction, ("a", "b", "c"), [*PALETTE, (1, 2, 3)])
    factor = 256 // 30
    assert found.shape[1] == 3 * (30 * factor + 4)
    legend = found[-20:]
    assert (legend == PALETTE[0]).all(axis=-1).any() and (legend == PALETTE[1]).all(axis=-1).any()
    assert not (legend == (1, 2, 3)).all(axis=-1).any()


def test_pictures_are_written_in_rgb(tmp_path):
    write_image(tmp_path / "new" / "a.png", np.full((2, 2, 3), (200, 100, 0), np.uint8))
    assert cv2.imread(str(tmp_path / "new" / "a.png"))[0, 0].tolist() == [0, 100, 200]
    write_image(tmp_path / "mask.png", LABEL)
    assert (cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED) == LABEL).all()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=r"folder\.png could not be written: Is a directory"):
        write_image(tmp_path / "folder.png", LABEL)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.png.exe"])
def test_pictures_of_no_kind(tmp_path, name):
    with pytest.raises(UserError, match=rf"{name}: pictures are written as \.png"):
        write_image(tmp_path / "new" / name, LABEL)
    assert not list(tmp_path.iterdir())
