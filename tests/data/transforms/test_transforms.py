"""What every transform must do, and what each one does."""

import inspect
import random

import cv2
import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.data.render import render
from segbox.data.transforms.pipeline import build_pipeline
from segbox.errors import ConfigError, DataError
from segbox.registry import TRANSFORMS
from tests.faulty_data import sample

NEEDED = {  # arguments that a transform cannot do without
    "Resize": {"short": 40},
    "RandomCrop": {"size": (40, 30)},
    "CenterCrop": {"size": 40},
    "RandomRotate": {"degrees": 20},
    "Pad": {"size": 80},
}


def run(config: dict, start: dict | None = None, seed: int = 0) -> dict:
    return build_pipeline([config])(start or sample(), random.Random(seed))


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_contract(name):
    config = {"type": name, **NEEDED.get(name, {})}
    for seed in range(8):
        start, untouched = sample(), sample()
        first, again = run(config, start, seed), run(config, sample(), seed)
        assert (first["image"] == again["image"]).all()
        assert (first["label"] == again["label"]).all()
        assert first["image"].shape[:2] == first["label"].shape
        assert first["image"].dtype == first["label"].dtype == np.uint8
        assert set(np.unique(first["label"])) <= {0, 1, 2, 3, IGNORE_INDEX}
        assert (first["path"], first["size"]) == ("made.png", (48, 64))
        assert (start["image"] == untouched["image"]).all()
        assert (start["label"] == untouched["label"]).all()
        without_label = {key: value for key, value in sample().items() if key != "label"}
        assert run(config, without_label, seed)["image"].shape[2] == 3


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_who_keeps_the_view_does_not_touch_the_label(name):
    if TRANSFORMS[name].keeps_view and name != "Resize":
        assert all((run({"type": name}, seed=seed)["label"] == sample()["label"]).all() for seed in range(8))
    assert not any(p.kind == p.VAR_KEYWORD for p in inspect.signature(TRANSFORMS[name]).parameters.values())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"short": 24}, (24, 32)),
        ({"long": 32}, (24, 32)),
        ({"short": 96, "long": 100}, (75, 100)),
        ({"short": 24, "long": 100}, (24, 32)),
        ({"size": (30, 30)}, (23, 30)),
        ({"size": (30, 30), "keep_ratio": False}, (30, 30)),
    ],
)
def test_resize(arguments, expected):
    assert run({"type": "Resize", **arguments})["image"].shape[:2] == expected


def test_random_resize():
    heights = [run({"type": "RandomResize"}, seed=seed)["image"].shape[0] for seed in range(60)]
    assert min(heights) in range(24, 32)
    assert max(heights) in range(85, 97)
    fixed = {"type": "RandomResize", "ratio_range": (2.0, 2.0)}
    assert run({**fixed, "short": 24})["image"].shape[:2] == (48, 64)
    assert run({**fixed, "size": (10, 12), "keep_ratio": False})["image"].shape[:2] == (20, 24)


def test_random_crop_is_a_window_of_the_image():
    windows = set()
    for seed in range(20):
        done = run({"type": "RandomCrop", "size": 20}, seed=seed)
        found = cv2.matchTemplate(sample()["image"], done["image"], cv2.TM_SQDIFF)
        top, left = map(int, np.unravel_index(found.argmin(), found.shape))
        assert (sample()["image"][top : top + 20, left : left + 20] == done["image"]).all()
        assert (sample()["label"][top : top + 20, left : left + 20] == done["label"]).all()
        windows.add((top, left))
    tops, lefts = map(set, zip(*windows))
    assert len(windows) > 15 and min(len(tops), len(lefts)) > 5 and max(tops) > 14 and max(lefts) > 22  # of 28 and 44


def test_random_crop_fills_up_a_small_image():
    done = run({"type": "RandomCrop", "size": (60, 50)})
    assert done["image"].shape == (60, 50, 3)
    assert (done["label"][48:] == IGNORE_INDEX).all()
    assert (done["label"][:48] != IGNORE_INDEX).all()


def test_no_class_fills_a_crop():
    start = sample(200, 300)
    start["label"][:] = 0
    start["label"][80:120, 100:180] = 1
    start["label"][:, :20] = IGNORE_INDEX
    config = {"type": "RandomCrop", "size": 60}
    shares = {}
    for ratio in (1.0, 0.75):
        labels = [run({**config, "cat_max_ratio": ratio}, start, seed)["label"] for seed in range(60)]
        shares[ratio] = np.mean([(label == 0).sum() / (label != IGNORE_INDEX).sum() > 0.75 for label in labels])
    assert shares[1.0] > 0.7
    assert shares[0.75] < shares[1.0] ** 10 + 0.15


def test_center_crop():
    start = sample()
    assert (run({"type": "CenterCrop", "size": (20, 30)})["image"] == start["image"][14:34, 17:47]).all()
    assert (run({"type": "CenterCrop", "size": (50, 64)})["label"][1:49] == start["label"]).all()


def test_flips():
    start = sample()
    assert (run({"type": "RandomFlip", "probability": 1.0})["image"] == start["image"][:, ::-1]).all()
    over = run({"type": "RandomFlip", "probability": 1.0, "direction": "vertical"})
    assert (over["label"] == start["label"][::-1]).all()
    assert (run({"type": "RandomFlip", "probability": 0.0})["image"] == start["image"]).all()
    flipped = sum((run({"type": "RandomFlip"}, seed=s)["image"] != start["image"]).any() for s in range(100))
    assert 35 < flipped < 65


def test_rotation_turns_about_the_centre():
    turned = sample(48, 48)
    placement = render_rotated(turned, 90.0)
    assert (placement["label"] == np.rot90(turned["label"])).all()
    angles = [run({"type": "RandomRotate", "degrees": 30, "probability": 1.0}, seed=s) for s in range(5)]
    assert all(done["image"].shape == (48, 64, 3) for done in angles)
    assert all((done["label"] == IGNORE_INDEX).any() for done in angles)


def test_rotation_goes_both_ways():
    rotate = TRANSFORMS["RandomRotate"](30.0, probability=1.0)
    turns = [rotate(sample(), random.Random(seed))["placement"].matrix[0, 1] for seed in range(20)]
    assert min(turns) < -0.3 and max(turns) > 0.3


def render_rotated(start: dict, degrees: float) -> dict:
    always = random.Random(0)
    always.uniform = lambda low, high: high
    return render(TRANSFORMS["RandomRotate"](degrees, probability=1.0)(start, always))


def test_pad():
    done = run({"type": "Pad", "size": (50, 60)})
    assert done["image"].shape[:2] == (50, 64)
    assert (done["image"][:48] == sample()["image"]).all()
    assert (done["image"][48:] == 0).all()
    assert (done["label"][48:] == IGNORE_INDEX).all()
    assert run({"type": "Pad", "divisor": 40})["image"].shape[:2] == (80, 80)


def test_padding_after_a_crop_is_empty():
    done = build_pipeline([{"type": "CenterCrop", "size": 20}, {"type": "Pad", "size": 30}])(sample(), random.Random(0))
    assert (done["label"][20:] == IGNORE_INDEX).all()
    assert (done["image"][:, 20:] == 0).all()


def test_distortion_against_the_recipe_step_by_step():
    config = {"type": "PhotoMetricDistortion"}
    for seed in range(20):
        rng = random.Random(seed)
        shift = rng.uniform(-32, 32) if rng.random() < 0.5 else 0
        gain = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1
        saturation = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1
        turn = rng.randint(-18, 18) if rng.random() < 0.5 else 0
        contrast_first = rng.random() < 0.5
        image = in_bytes(sample()["image"] + shift)
        image = in_bytes(image * gain) if contrast_first else image
        if saturation != 1 or turn:
            hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(float)
            hsv[:, :, 0] = (hsv[:, :, 0] + turn) % 180
            image = cv2.cvtColor(in_bytes(hsv * [1, saturation, 1]), cv2.COLOR_HSV2RGB)
        image = image if contrast_first else in_bytes(image * gain)
        assert (run(config, seed=seed)["image"] == image).all()


def in_bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(image).clip(0, 255).astype(np.uint8)


def test_distortion_sees_what_geometry_left():
    both = build_pipeline([{"type": "Resize", "short": 24}, {"type": "PhotoMetricDistortion"}])
    assert both(sample(), random.Random(0))["image"].shape == (24, 32, 3)


DISTORTION = {"type": "PhotoMetricDistortion"}
LIGHT = {**DISTORTION, "saturation": (1, 1), "hue": 0}


def with_image(image: np.ndarray) -> dict:
    return {**sample(), "image": image}


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_distortion_of_deep_images_is_that_of_bytes_between_their_levels(kind):
    image = sample()["image"]
    deep = (image * 257.0).astype(kind)
    levels = set()
    for seed in range(30):
        done = run({**DISTORTION, "white": 65535}, with_image(deep), seed)["image"]
        expected = run(DISTORTION, with_image(image), seed)["image"].astype(float)
        assert done.dtype == kind
        difference = np.abs(done / 257.0 - expected)  # bytes are rounded after each step, their hues to two degrees
        assert difference.mean() < 1 and difference.max() < 9, seed
        levels |= set(np.unique(done).tolist())
    assert len(levels) > 5000


def test_distortion_without_colours_is_for_any_number_of_channels():
    for channels in (1, 2, 5):
        image = sample(channels=channels)["image"]
        for seed in range(10):
            rng = random.Random(seed)
            shift = rng.uniform(-32, 32) if rng.random() < 0.5 else 0
            gain = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1
            assert (run(LIGHT, with_image(image), seed)["image"] == in_bytes(in_bytes(image + shift) * gain)).all()


def test_distortion_is_in_parts_of_white():
    image = np.full((48, 64, 1), 1000, np.uint16)
    means = {
        white: [run({**LIGHT, "white": white}, with_image(image), s)["image"].mean() for s in range(40)]
        for white in (4095, 65535)
    }
    assert max(means[4095]) < 2 * (1000 + 32 / 255 * 4095) and max(means[65535]) > 5000
    assert all(
        run({**LIGHT, "white": 900}, with_image(image), s)["image"].max() in (1000, *range(901)) for s in range(9)
    )


def test_distortion_keeps_what_is_below_nothing():
    image = np.linspace(-800, 800, 48 * 64, dtype=np.float32).reshape(48, 64, 1)
    for kind in (np.float32, np.int16):
        lowest = [run({**LIGHT, "white": 1000}, with_image(image.astype(kind)), s)["image"].min() for s in range(20)]
        assert min(lowest) < -850 and min(lowest) >= -1000


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (sample(channels=1)["image"], r"saturation and hue, which are of RGB images; this one has 1 channels: satur"),
        (sample(channels=5)["image"].astype(np.uint16), r"this one has 5 channels: saturation=\(1, 1\), hue=0 changes"),
        (
            sample()["image"].astype(np.float32),
            r"needs the level of white in images of float32: white=4095 for 12 bits",
        ),
    ],
)
def test_what_distortion_must_be_told(image, message):
    with pytest.raises(DataError, match=r"made.png: PhotoMetricDistortion .*" + message):
        run(DISTORTION, with_image(image))


def test_blur_takes_away_detail():
    noisy = {**sample(), "image": np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)}
    done = run({"type": "GaussianBlur", "probability": 1.0, "radius": (1, 1)}, noisy)
    assert done["image"].std() < 0.5 * noisy["image"].std()
    assert abs(done["image"].mean() - noisy["image"].mean()) < 2
    for channels in (1, 7):
        assert (
            run({"type": "GaussianBlur", "probability": 1.0}, sample(channels=channels))["image"].shape[2] == channels
        )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "Resize"}, "give size="),
        ({"type": "Resize", "size": 512}, r"size: expected 2 whole numbers or None, got 512"),
        ({"type": "Resize", "size": (5, 5), "short": 3}, "one or the other"),
        ({"type": "Resize", "short": 0}, "short: expected a whole number from 1 to 65536 or None, got 0"),
        ({"type": "Resize", "short": 5, "keep_ratio": False}, "keep_ratio=False needs size"),
        ({"type": "RandomResize", "ratio_range": (2, 1)}, r"ratio_range=\(2, 1\)"),
        (
            {"type": "RandomResize", "ratio_range": (1, float("inf"))},
            r"ratio_range.1: expected a finite number, got inf",
        ),
        (
            {"type": "RandomCrop", "size": 10**9},
            r"size: expected a whole number from 1 to 65536 or 2 whole numbers, got",
        ),
        ({"type": "Pad", "size": 10**9}, r"size: expected a whole number from 1 to 65536"),
        (
            {"type": "RandomCrop", "size": -3},
            "size: expected a whole number from 1 to 65536 or 2 whole numbers, got -3",
        ),
        ({"type": "RandomCrop", "size": (1, 2, 3)}, r"size: expected 2 whole numbers, got \(1, 2, 3\)"),
        ({"type": "RandomCrop", "size": 9, "cat_max_ratio": 75}, "cat_max_ratio=75"),
        ({"type": "RandomFlip", "probability": 2}, "probability=2"),
        ({"type": "RandomFlip", "direction": "diagonal"}, "direction='diagonal'.*horizontal, vertical"),
        ({"type": "RandomRotate", "degrees": 720}, "degrees=720"),
        ({"type": "Pad"}, "exactly one"),
        ({"type": "Pad", "divisor": 0}, "divisor: expected a whole number from 1 to 65536 or None, got 0"),
        ({"type": "PhotoMetricDistortion", "contrast": (2, 1)}, r"contrast=\(2, 1\)"),
        ({"type": "PhotoMetricDistortion", "hue": 400}, "hue=400"),
        ({"type": "PhotoMetricDistortion", "white": 0}, "white=0"),
        ({"type": "GaussianBlur", "radius": (-1, 1)}, r"radius=\(-1, 1\)"),
    ],
)
def test_bad_arguments(config, message):
    with pytest.raises(ConfigError, match=r"^data.train.pipeline.1\W.*" + message):
        build_pipeline([{"type": "RandomFlip"}, config], "data.train.pipeline")
