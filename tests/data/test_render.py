import random

import cv2
import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.data.placement import identity
from segbox.data.render import render, render_image, render_label, with_placement
from segbox.data.transforms.pipeline import build_pipeline
from segbox.errors import ConfigError
from tests.faulty_data import blocky_label, sample, smooth_image

STEPS = {
    "enlarge": lambda p: p.resized((p.size[0] * 17 // 10, p.size[1] * 17 // 10)),
    "shrink": lambda p: p.resized((p.size[0] * 6 // 10, p.size[1] * 7 // 10)),
    "crop": lambda p: p.cropped(7, 11, (p.size[0] - 15, p.size[1] - 20)),
    "flip": lambda p: p.flipped("horizontal"),
    "turn over": lambda p: p.flipped("vertical"),
    "rotate": lambda p: p.rotated(12.0),
}


def one_by_one(start: dict, steps: list[str]) -> dict:
    for step in steps:
        start = render(with_placement(start, STEPS[step](identity(start["image"].shape[:2]))))
    return start


def at_once(start: dict, steps: list[str]) -> dict:
    placement = identity(start["image"].shape[:2])
    for step in steps:
        placement = STEPS[step](placement)
    return render(with_placement(start, placement))


def away_from_borders(label: np.ndarray) -> np.ndarray:
    """Where a pixel and its neighbours agree, in a frame that leaves out the rim."""
    near = np.ones((7, 7), np.uint8)
    calm = cv2.erode(label, near) == cv2.dilate(label, near)
    calm[:4] = calm[-4:] = False
    calm[:, :4] = calm[:, -4:] = False
    return calm


@pytest.mark.parametrize(
    "steps",
    [
        ["enlarge", "crop", "flip"],
        ["shrink", "crop", "flip", "turn over"],
        ["crop", "enlarge"],
        ["flip", "shrink", "turn over", "enlarge"],
        ["enlarge", "rotate"],
        ["rotate", "flip", "shrink"],
        ["shrink", "shrink", "crop"],
    ],
    ids=" ".join,
)
def test_rendered_once_is_rendered_step_by_step(steps):
    slow, fast = one_by_one(sample(120, 160), steps), at_once(sample(120, 160), steps)
    assert slow["image"].shape == fast["image"].shape
    calm = away_from_borders(slow["label"])
    assert calm.mean() > 0.25
    assert (slow["label"][calm] == fast["label"][calm]).all()
    inside = calm & (slow["label"] != IGNORE_INDEX)
    difference = np.abs(slow["image"].astype(float) - fast["image"])[inside]
    assert difference.mean() < 1
    assert difference.max() < 6


def test_nothing_to_do_copies_nothing():
    start = sample()
    done = render(with_placement(start, identity((48, 64)).flipped("vertical").flipped("vertical")))
    assert done["image"] is start["image"]
    assert "placement" not in done


def test_flips_and_crops_are_exact():
    image, label = smooth_image(20, 30), blocky_label(20, 30)
    placement = identity((20, 30)).flipped("horizontal").cropped(3, 4, (10, 12)).flipped("vertical")
    assert (render_image(image, placement) == image[:, ::-1][3:13, 4:16][::-1]).all()
    assert (render_label(label, placement) == label[:, ::-1][3:13, 4:16][::-1]).all()


def test_a_whole_resize_is_that_of_opencv():
    image = smooth_image(40, 60)
    expected = cv2.resize(image, (90, 70), interpolation=cv2.INTER_LINEAR)
    assert (render_image(image, identity((40, 60)).resized((70, 90))) == expected).all()


def test_the_label_is_the_nearest_pixel():
    label = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert (render_label(label, identity((4, 6)).resized((8, 12))) == label.repeat(2, 0).repeat(2, 1)).all()
    assert (render_label(label, identity((4, 6)).resized((2, 2))) == label[[1, 3]][:, [1, 4]]).all()


@pytest.mark.parametrize("degrees", [10, 45, 200])
def test_a_turned_label_has_no_classes_between_those_of_the_file(degrees):
    label = np.where(np.arange(40) % 8 < 4, 3, 200).astype(np.uint8)[None].repeat(30, 0)
    turned = render_label(label, identity((30, 40)).rotated(degrees))
    assert np.unique(turned).tolist() == [3, 200, IGNORE_INDEX]


def test_outside_is_fill_and_ignored():
    placement = identity((4, 6)).cropped(-2, -3, (9, 10))
    image = render_image(np.full((4, 6, 3), 9, np.uint8), placement)
    label = render_label(np.zeros((4, 6), np.uint8), placement)
    assert (image[2:6, 3:9] == 9).all()
    assert image.sum() == 9 * 4 * 6 * 3
    assert ((label == 0) == (image[:, :, 0] == 9)).all()
    assert set(label.ravel()) == {0, IGNORE_INDEX}


def test_no_dark_seam_where_the_image_ends():
    for start in (0, 3):
        placement = identity((8, 8)).resized((20, 20)).cropped(start, start, (30, 30))
        image = render_image(np.full((8, 8, 3), 200, np.uint8), placement)
        assert set(image.ravel()) == {0, 200}
        assert (image[: 20 - start, : 20 - start] == 200).all()


def test_a_window_beside_the_image_is_all_fill():
    for placement in (identity((8, 8)).cropped(20, 20, (5, 5)), identity((8, 8)).rotated(30).cropped(90, 90, (5, 5))):
        assert (render_image(np.full((8, 8, 3), 200, np.uint8), placement) == 0).all()
        assert (render_label(np.zeros((8, 8), np.uint8), placement) == IGNORE_INDEX).all()


@pytest.mark.parametrize("turn", [0, 20])
def test_shrinking_does_not_alias(turn):
    stripes = np.zeros((240, 240, 3), np.uint8)
    stripes[:, ::2] = 200
    small = render_image(stripes, identity((240, 240)).resized((40, 40)).rotated(turn).cropped(12, 12, (16, 16)))
    assert np.abs(small.astype(int) - 100).max() < 8


def test_a_crop_of_a_large_picture_reads_only_what_it_needs(monkeypatch):
    seen = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda image, *a, **k: seen.append(image.shape) or resize(image, *a, **k))
    image = np.zeros((512, 1024, 3), np.uint8)
    assert render_image(image, identity((512, 1024)).resized((1024, 2048)).cropped(101, 201, (64, 128))).any() == 0
    assert seen[0][0] < 40
    assert seen[0][1] < 80


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", "float16", "float32", "float64", "bool"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9])
def test_any_dtype_and_any_number_of_channels(dtype, channels):
    image = smooth_image(20, 30, channels).astype(dtype)
    size = identity((20, 30))
    for placement in (
        size.resized((30, 41)),
        size.resized((6, 9)),
        size.rotated(10),
        size.flipped("vertical"),
        size.resized((33, 33)).cropped(1, 2, (40, 20)),
    ):
        done = render_image(image, placement)
        assert done.dtype == image.dtype
        assert done.shape == (*placement.size, channels)
    if dtype != "bool":
        direct = cv2.resize(image[:, :, -1].astype(np.float64), (41, 30))
        assert np.allclose(render_image(image, size.resized((30, 41)))[:, :, -1], direct, atol=1)


def test_random_placements_keep_image_and_label_together():
    rng = random.Random(0)
    for _ in range(20):
        steps = rng.choices(list(STEPS), k=4)
        start = sample(60, 80)
        start["image"] = np.repeat((start["label"] * 60)[:, :, None], 3, axis=2)  # a picture of its label
        done = at_once(start, steps)
        calm = away_from_borders(done["label"]) & (done["label"] != IGNORE_INDEX)
        assert (
            np.abs(done["image"][calm].astype(int) - done["label"][calm][:, None].astype(int) * 60).max(initial=0) <= 1
        )


@pytest.mark.parametrize("config", [{"type": "Pad", "divisor": 65_536}, {"type": "Resize", "short": 65_536}])
def test_sizes_that_fit_no_memory_are_refused_before_they_are_made(monkeypatch, config):
    """Which size comes out depends on the image."""
    monkeypatch.setattr("segbox.machine.memory", lambda: 2**30)
    pipeline = build_pipeline([config])
    with pytest.raises(ConfigError, match=r"a\.png: the pipeline makes it too large: an image of .* takes .* GB; this"):
        pipeline({**sample(20, 30), "path": "a.png"}, random.Random(0))


def test_what_is_averaged_is_the_side_of_the_source_that_shrinks():
    """Although a rotation turns it into the other side of the output."""
    image = np.random.default_rng(0).integers(0, 256, (8, 32, 3), dtype=np.uint8)
    found = render_image(image, identity((8, 32)).resized((8, 8)).rotated(90))
    averaged = np.rot90(image.reshape(8, 8, 4, 3).mean(axis=2))
    assert np.abs(found - averaged).max() <= 1
